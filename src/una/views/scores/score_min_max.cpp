#include <algorithm>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/views/scores/score_mappings.h"

namespace una::views {
namespace {

class MinMax final : public rows::ScoreFit {
 public:
  MinMax(double lowest, double highest) : lowest_(lowest), highest_(highest) {}
  double target(double score) const override {
    return std::clamp((score - lowest_) / (highest_ - lowest_), 0.0, 1.0);
  }
  std::string text() const override {
    return cat("lowest ", significant(lowest_, 6), " -> 0, highest ", significant(highest_, 6), " -> 1");
  }
  Json json() const override { return {{"lowest", lowest_}, {"highest", highest_}}; }

 private:
  double lowest_, highest_;
};

}  // namespace

std::unique_ptr<rows::ScoreFit> fit_min_max(const std::vector<double>& sorted) {
  return std::make_unique<MinMax>(sorted.front(), sorted.back());
}

std::unique_ptr<rows::ScoreFit> read_min_max(const Json& state) {
  const auto lowest = state.at("lowest").get<double>(), highest = state.at("highest").get<double>();
  check_input(lowest < highest, "\"lowest\" must be below \"highest\"");
  return std::make_unique<MinMax>(lowest, highest);
}

}  // namespace una::views
