#include "una/objective/una/shrinkage.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "una/base/error.h"

namespace una::objective {
namespace {

const std::string kWithin = "_shrink/within", kMean = "_shrink/mean", kBetween = "_shrink/between",
                  kInverse = "_shrink/inverse";
constexpr const char* kWhat = "objective state, shrinkage";

// The two variances by the method of moments: sigma^2 from distances inside groups, tau^2 from what the means of
// residuals scatter beyond sigma^2 / k.
struct Variances {
  double noise = 0, prompt = 0;
};

// Sums over prompts; means and squares of their mean residuals.
struct Sums {
  double within = 0, freedom = 0, means = 0, squares = 0, prompts = 0, inverse = 0;
};

Variances variances(const Sums& sums) {
  Variances out;
  if (sums.freedom > 0) { out.noise = sums.within / sums.freedom; }
  if (sums.prompts > 0) {
    const double between = sums.squares - sums.means * sums.means / sums.prompts;
    out.prompt = std::max(0.0, (between - out.noise * sums.inverse) / sums.prompts);
  }
  return out;
}

std::optional<double> number_of(const std::string& text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && rest == end ? std::optional(value) : std::nullopt;
}

}  // namespace

double lambda_of_ratio(double ratio, double answers) {
  return std::isinf(ratio) ? 0 : 1 / (1 + answers * ratio);
}

double ratio_of_lambda(double lambda) {
  return lambda > 0 ? (1 / lambda - 1) / 2 : std::numeric_limits<double>::infinity();
}

Shrinkage::Shrinkage(const ObjectiveOptions& options) : decay_(options.una_running_decay) {
  const std::string& word = options.una_lambda;
  if (word == "auto") { return; }
  if (word == "reml") {
    rule_ = Rule::kReml;
    return;
  }
  const std::optional<double> lambda = number_of(word);
  const double chosen = lambda.value_or(-1);
  check_input(chosen >= 0 && chosen <= 1, "una_lambda: '", word,
              "' is none of auto, reml and a number in 0..1 (1: pointwise, 0: the group's mean)");
  rule_ = Rule::kFixed;
  chosen_ = ratio_of_lambda(chosen);
}

double Shrinkage::running_ratio() const {
  const Variances v = variances({within_, freedom_, means_, between_, prompts_, inverse_});
  if (!(v.prompt > 0)) { return 0; }
  return v.noise > 0 ? v.prompt / v.noise : std::numeric_limits<double>::infinity();
}

double Shrinkage::lambda(double answers) const {
  return lambda_of_ratio(chosen_ && rule_ != Rule::kReml ? *chosen_ : running_ratio(), answers);
}

void Shrinkage::add_sums(double within, double answers, double mean, MetricSums& metrics) {
  if (answers > 1) { metrics.add(kWithin, within, answers - 1); }
  metrics.add(kMean, mean);
  metrics.add(kBetween, mean * mean);
  metrics.add(kInverse, 1 / answers);
}

void Shrinkage::end_step(const MetricSums& step) {
  if (step.count(kBetween) == 0) { return; }
  within_ = decay_ * within_ + step.sum(kWithin);
  freedom_ = decay_ * freedom_ + step.count(kWithin);
  means_ = decay_ * means_ + step.sum(kMean);
  between_ = decay_ * between_ + step.sum(kBetween);
  prompts_ = decay_ * prompts_ + step.count(kBetween);
  inverse_ = decay_ * inverse_ + step.sum(kInverse);
}

Json Shrinkage::state() const {
  Json out{{"within", within_},   {"freedom", freedom_}, {"means", means_},
           {"between", between_}, {"prompts", prompts_}, {"inverse", inverse_}};
  // A fixed lambda is an option. Infinity has no JSON.
  if (rule_ == Rule::kAuto && chosen_) { out["ratio"] = std::isinf(*chosen_) ? -1 : *chosen_; }
  return out;
}

void Shrinkage::load_state(const Json& state) {
  check_input(state.is_object(), kWhat, ": not an object");
  within_ = number_member(state, "within", 0, kWhat);
  freedom_ = number_member(state, "freedom", 0, kWhat);
  means_ = number_member(state, "means", 0, kWhat);
  between_ = number_member(state, "between", 0, kWhat);
  prompts_ = number_member(state, "prompts", 0, kWhat);
  inverse_ = number_member(state, "inverse", 0, kWhat);
  if (rule_ != Rule::kAuto) { return; }
  chosen_.reset();
  if (!state.contains("ratio")) { return; }
  const double ratio = number_member(state, "ratio", 0, kWhat);
  chosen_ = ratio < 0 ? std::numeric_limits<double>::infinity() : ratio;
}

double prompt_share(const MetricSums& window) {
  if (window.count(kWithin) == 0) { return std::nan(""); }
  const Variances v = variances({window.sum(kWithin), window.count(kWithin), window.sum(kMean),
                                 window.sum(kBetween), window.count(kBetween), window.sum(kInverse)});
  return v.noise + v.prompt > 0 ? v.prompt / (v.noise + v.prompt) : std::nan("");
}

}  // namespace una::objective
