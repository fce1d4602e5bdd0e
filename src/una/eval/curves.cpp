#include "una/eval/curves.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "una/base/error.h"

namespace una::eval {
namespace {

// The 97.5 % points of Student's t with 1, 2, ... degrees of freedom.
constexpr std::array<double, 15> kStudent = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306,
                                             2.262,  2.228, 2.201, 2.179, 2.160, 2.145, 2.131};

// Beyond the table: Fisher's expansion about the normal's point z, right to 1e-4.
double student_point(std::size_t freedom) {
  if (freedom <= kStudent.size()) { return kStudent.at(freedom - 1); }
  constexpr double z = 1.959964, z2 = z * z;
  const auto n = static_cast<double>(freedom);
  return z * (1 + (z2 + 1) / (4 * n) + (5 * z2 * z2 + 16 * z2 + 3) / (96 * n * n) +
              (3 * z2 * z2 * z2 + 19 * z2 * z2 + 17 * z2 - 15) / (384 * n * n * n));
}

}  // namespace

std::optional<double> value_at(const Curve& curve, double x) {
  for (std::size_t i = 0; i < curve.size(); ++i) {
    if (curve[i].first < x) { continue; }
    if (i == 0 || curve[i].first == x) { return curve[i].second; }
    const auto [x0, y0] = curve[i - 1];
    const auto [x1, y1] = curve[i];
    return y0 + (x - x0) / (x1 - x0) * (y1 - y0);
  }
  return std::nullopt;
}

SeedMean mean_over_seeds(const std::vector<double>& values) {
  check(!values.empty(), "mean_over_seeds: no values");
  const auto n = static_cast<double>(values.size());
  SeedMean out;
  for (const double value : values) { out.mean += value / n; }
  if (values.size() < 2) { return out; }
  double squares = 0;
  for (const double value : values) { squares += (value - out.mean) * (value - out.mean); }
  out.half_width = student_point(values.size() - 1) * std::sqrt(squares / (n - 1) / n);
  return out;
}

}  // namespace una::eval
