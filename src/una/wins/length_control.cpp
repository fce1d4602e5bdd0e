#include "una/wins/length_control.h"

#include <cmath>

#include "una/base/error.h"

namespace una::wins {
namespace {

constexpr double kRidge = 1e-3;
constexpr int kSteps = 100;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) { sum += value; }
  return sum / static_cast<double>(values.size());
}

double deviation(const std::vector<double>& values) {
  const double middle = mean(values);
  double sum = 0;
  for (const double value : values) { sum += (value - middle) * (value - middle); }
  return std::sqrt(sum / static_cast<double>(values.size()));
}

}  // namespace

// Newton's method on two parameters. The step is cut where all shares are 0 or 1 and the optimum is at infinity.
double length_controlled_rate(const std::vector<double>& shares, const std::vector<double>& differences) {
  check(!shares.empty() && shares.size() == differences.size(),
        "length_controlled_rate: a difference for every share");
  const double spread = deviation(differences);
  if (spread == 0) { return mean(shares); }
  double a = 0, b = 0;
  for (int step = 0; step < kSteps; ++step) {
    double ga = 0, gb = -kRidge * b, haa = 1e-12, hab = 0, hbb = kRidge;
    for (std::size_t i = 0; i < shares.size(); ++i) {
      const double x = std::tanh(differences[i] / spread), p = sigmoid(a + b * x), w = p * (1 - p);
      ga += shares[i] - p, gb += (shares[i] - p) * x;
      haa += w, hab += w * x, hbb += w * x * x;
    }
    const double determinant = haa * hbb - hab * hab;
    const double da = (hbb * ga - hab * gb) / determinant, db = (haa * gb - hab * ga) / determinant;
    const double size = std::max(std::abs(da), std::abs(db)), cut = size > 2 ? 2 / size : 1;
    a += cut * da, b += cut * db;
    if (size < 1e-12 || std::abs(a) > 30) { break; }
  }
  return sigmoid(a);
}

}  // namespace una::wins
