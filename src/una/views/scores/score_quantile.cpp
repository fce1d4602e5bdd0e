#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/views/scores/score_mappings.h"

namespace una::views {
namespace {

// The mid-rank distribution function: (scores below + half of the equal ones) / n. Its mean over the fitted
// scores is 1/2 whatever their shape. Ratings have few different values, so equal ones are counted.
class Quantile final : public rows::ScoreFit {
 public:
  // Ascending values, and behind each the number of scores up to and with it.
  Quantile(std::vector<double> values, std::vector<std::int64_t> up_to)
      : values_(std::move(values)), up_to_(std::move(up_to)) {}
  double target(double score) const override {
    const auto i =
        static_cast<std::size_t>(std::lower_bound(values_.begin(), values_.end(), score) - values_.begin());
    const auto below = static_cast<double>(count_below(i));
    const double equal = i < values_.size() && values_[i] == score ? static_cast<double>(count_of(i)) : 0;
    return (below + equal / 2) / static_cast<double>(up_to_.back());
  }
  std::string text() const override {
    return cat("quartiles ", significant(at(0.25), 6), ", ", significant(at(0.5), 6), ", ",
               significant(at(0.75), 6));
  }
  Json json() const override {
    Json percentiles = Json::array();
    for (int i = 0; i <= 100; ++i) { percentiles.push_back(at(i / 100.0)); }
    return {{"percentiles", percentiles}};
  }
  Json state() const override {
    Json counts = Json::array();
    for (std::size_t i = 0; i < values_.size(); ++i) { counts.push_back(count_of(i)); }
    return {{"values", values_}, {"counts", counts}};
  }

 private:
  std::int64_t count_below(std::size_t i) const { return i == 0 ? 0 : up_to_[i - 1]; }
  std::int64_t count_of(std::size_t i) const { return up_to_[i] - count_below(i); }
  double at(double share) const {
    const std::int64_t rank = std::llround(share * static_cast<double>(up_to_.back() - 1));
    return values_[static_cast<std::size_t>(std::upper_bound(up_to_.begin(), up_to_.end(), rank) -
                                            up_to_.begin())];
  }
  std::vector<double> values_;
  std::vector<std::int64_t> up_to_;
};

}  // namespace

std::unique_ptr<rows::ScoreFit> fit_quantile(const std::vector<double>& sorted) {
  std::vector<double> values;
  std::vector<std::int64_t> up_to;
  for (auto at = sorted.begin(); at != sorted.end();) {
    const auto end = std::upper_bound(at, sorted.end(), *at);
    values.push_back(*at);
    up_to.push_back(end - sorted.begin());
    at = end;
  }
  return std::make_unique<Quantile>(std::move(values), std::move(up_to));
}

std::unique_ptr<rows::ScoreFit> read_quantile(const Json& state) {
  auto values = state.at("values").get<std::vector<double>>();
  auto counts = state.at("counts").get<std::vector<std::int64_t>>();
  check_input(!values.empty() && values.size() == counts.size(),
              "\"values\" and \"counts\" must be as long as each other");
  constexpr std::int64_t kMost = std::int64_t{1} << 52;  // a sum that a double counts
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    check_input(i == 0 || values[i - 1] < values[i], "\"values\" must ascend");
    check_input(counts[i] > 0 && counts[i] < kMost - sum, "\"counts\" must be numbers of scores");
    counts[i] = sum += counts[i];
  }
  return std::make_unique<Quantile>(std::move(values), std::move(counts));
}

}  // namespace una::views
