#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/views/scores/score_mappings.h"

namespace una::views {
namespace {

// z is squashed by the standard normal distribution function, so that normal scores give uniform targets.
class ZScore final : public rows::ScoreFit {
 public:
  ZScore(double mean, double deviation) : mean_(mean), deviation_(deviation) {}
  double target(double score) const override {
    return 0.5 * std::erfc(-(score - mean_) / deviation_ / std::numbers::sqrt2);
  }
  std::string text() const override {
    return cat("mean ", significant(mean_, 6), ", deviation ", significant(deviation_, 6));
  }
  Json json() const override { return {{"mean", mean_}, {"deviation", deviation_}}; }

 private:
  double mean_, deviation_;
};

}  // namespace

std::unique_ptr<rows::ScoreFit> fit_z_score(const std::vector<double>& sorted) {
  const auto n = static_cast<double>(sorted.size());
  const double mean = std::accumulate(sorted.begin(), sorted.end(), 0.0) / n;
  double squares = 0;
  for (const double score : sorted) { squares += (score - mean) * (score - mean); }
  // Differences whose squares vanish still have a sign.
  return std::make_unique<ZScore>(mean, std::max(std::sqrt(squares / n), std::numeric_limits<double>::min()));
}

std::unique_ptr<rows::ScoreFit> read_z_score(const Json& state) {
  const auto mean = state.at("mean").get<double>(), deviation = state.at("deviation").get<double>();
  check_input(deviation > 0, "\"deviation\" must be above 0");
  return std::make_unique<ZScore>(mean, deviation);
}

}  // namespace una::views
