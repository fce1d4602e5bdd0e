#include <algorithm>
#include <cmath>

#include "una/base/format.h"
#include "una/data/score_mappings.h"

namespace una::data::detail {
namespace {

// The mid-rank distribution function: (scores below + half of the equal ones) / n. Its mean over the fitted
// scores is 1/2 whatever their shape.
class Quantile final : public ScoreFit {
 public:
  explicit Quantile(std::vector<double> sorted) : sorted_(std::move(sorted)) {}
  double target(double score) const override {
    const auto [first, last] = std::equal_range(sorted_.begin(), sorted_.end(), score);
    const auto below = static_cast<double>(first - sorted_.begin());
    const auto equal = static_cast<double>(last - first);
    return (below + equal / 2) / static_cast<double>(sorted_.size());
  }
  std::string text() const override {
    return cat("quartiles ", significant(at(0.25), 6), ", ", significant(at(0.5), 6), ", ",
               significant(at(0.75), 6));
  }
  Json json() const override {
    Json percentiles = Json::array();
    for (int i = 0; i <= 100; ++i) percentiles.push_back(at(i / 100.0));
    return {{"percentiles", percentiles}};
  }
  // Ratings have few different values.
  Json state() const override {
    Json values = Json::array(), counts = Json::array();
    for (auto at = sorted_.begin(); at != sorted_.end();) {
      const auto end = std::upper_bound(at, sorted_.end(), *at);
      values.push_back(*at);
      counts.push_back(end - at);
      at = end;
    }
    return {{"values", values}, {"counts", counts}};
  }

 private:
  double at(double share) const {
    return sorted_[static_cast<std::size_t>(std::lround(share * static_cast<double>(sorted_.size() - 1)))];
  }
  std::vector<double> sorted_;
};

}  // namespace

std::unique_ptr<ScoreFit> fit_quantile(const std::vector<double>& sorted) {
  return std::make_unique<Quantile>(sorted);
}

std::unique_ptr<ScoreFit> read_quantile(const Json& state) {
  std::vector<double> sorted;
  for (std::size_t i = 0; i < state.at("values").size(); ++i)
    sorted.insert(sorted.end(), state.at("counts").at(i).get<std::size_t>(),
                  state["values"][i].get<double>());
  return std::make_unique<Quantile>(std::move(sorted));
}

}  // namespace una::data::detail
