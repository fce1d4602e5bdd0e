#include "una/report/charts.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "una/base/format.h"
#include "una/report/series.h"

namespace una::report {
namespace {

constexpr std::size_t kMostPoints = 2000;  // of one curve: more are averaged in runs of equal length

struct Curve {
  const char* metric;
  const char* label;
};
struct ChartSpec {
  const char* title;
  const char* note;
  bool smooth;
  bool is_share;  // lies in 0..1
  std::vector<Curve> curves;
};

// The mean log-ratio of given rows is no KL divergence and is not called so; KL is a word for own samples.
const std::vector<ChartSpec>& chart_specs() {
  static const std::vector<ChartSpec> kSpecs = {
      {"Loss", "", true, false, {{"loss", "train"}}},
      {"Rewards",
       "beta times log-ratio, mean per answer",
       true,
       false,
       {{"rewards/chosen", "chosen"}, {"rewards/rejected", "rejected"}}},
      {"Reward margin", "chosen minus rejected", true, false, {{"rewards/margins", "train"}}},
      {"Margin", "score of chosen minus rejected", true, false, {{"margin", "train"}}},
      {"Accuracy",
       "share of pairs with chosen above rejected",
       true,
       true,
       {{"rewards/accuracies", "train"}}},
      {"Accuracy of the reward model",
       "share of pairs ranked as labelled",
       true,
       true,
       {{"accuracy", "train"}}},
      {"Mean log-ratio",
       "policy against reference, nats per answer of the data",
       true,
       false,
       {{"log_ratio", "mean log-ratio"}}},
      {"Score of own samples", "", true, false, {{"objective/scores", "score"}}},
      {"KL, own samples", "policy against reference, nats per answer", true, false, {{"objective/kl", "KL"}}},
      {"Length of own samples", "tokens", true, false, {{"completions/mean_length", "mean"}}},
      {"Reward model's scores",
       "",
       true,
       false,
       {{"mean_reward", "mean"}, {"min_reward", "lowest"}, {"max_reward", "highest"}}},
      {"Learning rate", "", false, false, {{"learning_rate", "learning rate"}}},
      {"Gradient norm", "before clipping", true, false, {{"grad_norm", "gradient norm"}}},
      {"Throughput", "tokens per second", true, false, {{"tokens_per_second", "tokens/s"}}},
      {"Memory", "resident, MB", false, false, {{"memory_mb", "memory"}}},
  };
  return kSpecs;
}

double rounded(double value) { return std::stod(significant(value, 7)); }

Json json_number(double value) { return std::isfinite(value) ? Json(rounded(value)) : Json(); }

Json curve_json(const std::string& label, const Series& series) {
  Json x = Json::array(), y = Json::array();
  const std::size_t stride = (series.size() + kMostPoints - 1) / kMostPoints;
  for (std::size_t begin = 0; begin < series.size(); begin += stride) {
    const std::size_t end = std::min(series.size(), begin + stride);
    double sum = 0;
    for (std::size_t i = begin; i < end; ++i) { sum += series.values[i]; }
    x.push_back(series.steps[end - 1]);
    y.push_back(json_number(sum / static_cast<double>(end - begin)));
  }
  return {{"label", label}, {"x", std::move(x)}, {"y", std::move(y)}};
}

Json chart_json(const ChartSpec& spec, const std::string& title) {
  Json chart = {{"title", title}, {"note", spec.note}, {"smooth", spec.smooth}, {"series", Json::array()}};
  if (spec.is_share) { chart["range"] = {0, 1}; }
  return chart;
}

// Each curve of the spec, and its eval twin in the same colour, dashed; alone, the twin is a curve of its
// own.
Json run_chart(const ChartSpec& spec, const SeriesMap& all, std::set<std::string>& used) {
  Json chart = chart_json(spec, spec.title);
  int color = 0;
  for (const Curve& curve : spec.curves) {
    const std::string metric = curve.metric, twin = "eval_" + metric;
    const bool single = spec.curves.size() == 1;
    for (const std::string& name : {metric, twin}) {
      const Series& series = find_series(all, name);
      used.insert(name);
      if (series.empty()) { continue; }
      const bool is_twin = name == twin;
      Json json = curve_json(!is_twin ? curve.label : single ? "eval" : cat("eval ", curve.label), series);
      json["color"] = color + (is_twin && single ? 1 : 0);
      if (is_twin) { json["dashed"] = true; }
      chart["series"].push_back(std::move(json));
    }
    ++color;
  }
  return chart;
}

std::string group_of(const std::string& metric) {
  const std::string bare = is_eval_name(metric) ? metric.substr(5) : metric;
  return bare.substr(0, bare.find('/'));
}

// Metrics that no chart shows yet, those of one prefix ("logps/...") together.
Json more_charts(const SeriesMap& all, const std::set<std::string>& used) {
  static const std::set<std::string> kDull = {"num_tokens", "eval_runtime", "eval_samples_per_second",
                                              "eval_steps_per_second"};
  std::map<std::string, Json> groups;
  const ChartSpec plain{.title = "", .note = "", .smooth = true, .is_share = false, .curves = {}};
  for (const auto& [name, series] : all) {
    if (used.count(name) != 0 || kDull.count(name) != 0) { continue; }
    const std::string group = group_of(name);
    const auto at = groups.try_emplace(group, chart_json(plain, group)).first;
    Json curve = curve_json(name, series);
    if (is_eval_name(name)) { curve["dashed"] = true; }
    at->second["series"].push_back(std::move(curve));
  }
  Json charts = Json::array();
  for (auto& [group, chart] : groups) { charts.push_back(std::move(chart)); }
  return charts;
}

}  // namespace

Charts run_charts(const RunFolder& run) {
  const SeriesMap all = series_of(run.log_rows());
  std::set<std::string> used;
  Charts charts;
  for (const ChartSpec& spec : chart_specs()) {
    Json chart = run_chart(spec, all, used);
    if (!chart["series"].empty()) { charts.main.push_back(std::move(chart)); }
  }
  charts.more = more_charts(all, used);
  return charts;
}

Json comparison_charts(const std::vector<RunFolder>& parts) {
  static const std::vector<ChartSpec> kSpecs = {
      {"Loss", "each method's own loss: compare shapes, not heights", true, false, {{"loss", ""}}},
      {"Eval loss", "each method's own loss", true, false, {{"eval_loss", ""}}},
      {"Reward margin", "chosen minus rejected", true, false, {{"rewards/margins", ""}}},
      {"Eval reward margin", "chosen minus rejected", true, false, {{"eval_rewards/margins", ""}}},
      {"Accuracy", "share of pairs with chosen above rejected", true, true, {{"rewards/accuracies", ""}}},
      {"Eval accuracy",
       "share of pairs with chosen above rejected",
       true,
       true,
       {{"eval_rewards/accuracies", ""}}},
      {"Mean log-ratio",
       "policy against reference, nats per answer of the data",
       true,
       false,
       {{"log_ratio", ""}}},
      {"Score of own samples", "", true, false, {{"objective/scores", ""}}},
      {"KL, own samples", "policy against reference, nats per answer", true, false, {{"objective/kl", ""}}},
      {"Gradient norm", "before clipping", true, false, {{"grad_norm", ""}}},
      {"Throughput", "tokens per second", true, false, {{"tokens_per_second", ""}}},
      {"Memory", "resident, MB", false, false, {{"memory_mb", ""}}},
  };
  std::vector<SeriesMap> series;
  for (const RunFolder& part : parts) { series.push_back(series_of(part.log_rows())); }
  Json charts = Json::array();
  for (const ChartSpec& spec : kSpecs) {
    Json chart = chart_json(spec, spec.title);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const Series& found = find_series(series[i], spec.curves[0].metric);
      if (found.empty()) { continue; }
      chart["series"].push_back(curve_json(parts[i].label, found));
      chart["series"].back()["color"] = i;  // a method keeps its colour in every chart
    }
    if (!chart["series"].empty()) { charts.push_back(std::move(chart)); }
  }
  return charts;
}

}  // namespace una::report
