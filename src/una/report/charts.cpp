#include "una/report/charts.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
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
  const char* note = "";
  bool smooth = true;
  bool is_share = false;  // values are in 0..1
  std::vector<Curve> curves = {};
};

constexpr double kNoLoss = 1e-9;  // what an on-policy loss comes to that is 0 by its making

// Of runs on own samples, in front of the others.
const std::vector<ChartSpec>& online_specs() {
  static const std::vector<ChartSpec> kSpecs = {
      {.title = "Reward", .note = "of own samples, as the reward gave it", .curves = {{"reward", "reward"}}},
      {.title = "KL",
       .note = "policy against reference, nats per own answer",
       .curves = {{"objective/kl", "of the round"}, {"kl", "of the step"}}},
      {.title = "Length", .note = "tokens of own samples", .curves = {{"completions/mean_length", "mean"}}},
      {.title = "Answers cut",
       .note = "share that reached max_completion_length",
       .is_share = true,
       .curves = {{"completions/clipped_ratio", "cut"}}},
      {.title = "Score",
       .note = "the reward after penalties and clip",
       .curves = {{"objective/scores", "score"}}},
  };
  return kSpecs;
}

// Answers to held-out prompts, in front of what is computed on given rows.
const std::vector<ChartSpec>& held_out_specs() {
  static const std::vector<ChartSpec> kSpecs = {
      {.title = "Win rate",
       .note = "held-out answers against those of step 0, ties one half; 95 % interval over prompts",
       .is_share = true,
       .curves = {{"win_rate", "win rate"}, {"win_rate_low", "low"}, {"win_rate_high", "high"}}},
      {.title = "Reward of held-out answers", .curves = {{"reward", "reward"}}},
      {.title = "KL of held-out answers",
       .note = "policy against reference, nats per answer",
       .curves = {{"kl", "KL"}}},
      {.title = "Length of held-out answers", .note = "tokens", .curves = {{"length", "mean"}}},
  };
  return kSpecs;
}

// The mean log-ratio of given rows is not a KL divergence, so it has another name; KL is for own samples.
const std::vector<ChartSpec>& chart_specs() {
  static const std::vector<ChartSpec> kSpecs = {
      {.title = "Loss", .curves = {{"loss", "train"}}},
      {.title = "Rewards",
       .note = "beta times log-ratio, mean per answer",
       .curves = {{"rewards/chosen", "chosen"}, {"rewards/rejected", "rejected"}}},
      {.title = "Reward margin", .note = "chosen minus rejected", .curves = {{"rewards/margins", "train"}}},
      {.title = "Margin", .note = "score of chosen minus rejected", .curves = {{"margin", "train"}}},
      {.title = "Accuracy",
       .note = "share of pairs with chosen above rejected",
       .is_share = true,
       .curves = {{"rewards/accuracies", "train"}}},
      {.title = "Accuracy of the reward model",
       .note = "share of pairs ranked as labelled",
       .is_share = true,
       .curves = {{"accuracy", "train"}}},
      {.title = "Mean log-ratio",
       .note = "policy against reference, nats per answer of the data",
       .curves = {{"log_ratio", "mean log-ratio"}}},
      {.title = "Reward model's scores",
       .curves = {{"mean_reward", "mean"}, {"min_reward", "lowest"}, {"max_reward", "highest"}}},
      {.title = "Learning rate", .smooth = false, .curves = {{"learning_rate", "learning rate"}}},
      {.title = "Gradient norm", .note = "before clipping", .curves = {{"grad_norm", "gradient norm"}}},
      {.title = "Throughput", .note = "tokens per second", .curves = {{"tokens_per_second", "tokens/s"}}},
      {.title = "MFU",
       .note = "training's operations, as a share of this machine's rate of products",
       .is_share = true,
       .curves = {{"mfu", "MFU"}}},
      {.title = "Memory", .note = "resident, MB", .smooth = false, .curves = {{"memory_mb", "memory"}}},
  };
  return kSpecs;
}

bool is_online(const SeriesMap& all) {
  return !find_series(all, "reward").empty() || !find_series(all, "objective/kl").empty();
}

// Charts of a run in their order. An on-policy loss that is 0 by its making is not among them.
std::vector<ChartSpec> specs_of(const SeriesMap& all) {
  std::vector<ChartSpec> specs;
  if (!is_online(all)) {
    if (!find_series(all, "eval_win_rate").empty()) { specs = held_out_specs(); }
    specs.insert(specs.end(), chart_specs().begin(), chart_specs().end());
    return specs;
  }
  specs = online_specs();
  if (!find_series(all, "eval_win_rate").empty()) {
    specs.insert(specs.begin() + 1, held_out_specs().front());
  }
  const std::vector<double>& losses = find_series(all, "loss").values;
  const bool has_loss =
      std::any_of(losses.begin(), losses.end(), [](double loss) { return !(std::abs(loss) < kNoLoss); });
  for (const ChartSpec& spec : chart_specs()) {
    if (has_loss || std::string(spec.title) != "Loss") { specs.push_back(spec); }
  }
  return specs;
}

double rounded(double value) { return std::strtod(significant(value, 7).c_str(), nullptr); }

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
  const ChartSpec plain{.title = ""};
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
  for (const ChartSpec& spec : specs_of(all)) {
    Json chart = run_chart(spec, all, used);
    if (!chart["series"].empty()) { charts.main.push_back(std::move(chart)); }
  }
  charts.more = more_charts(all, used);
  return charts;
}

Json comparison_charts(const std::vector<RunFolder>& parts) {
  static const std::vector<ChartSpec> kSpecs = {
      {.title = "Reward", .note = "of own samples", .curves = {{"reward", ""}}},
      {.title = "KL, own samples",
       .note = "policy against reference, nats per answer",
       .curves = {{"objective/kl", ""}}},
      {.title = "Loss",
       .note = "each method's own loss: compare shapes, not heights",
       .curves = {{"loss", ""}}},
      {.title = "Eval loss", .note = "each method's own loss", .curves = {{"eval_loss", ""}}},
      {.title = "Reward margin", .note = "chosen minus rejected", .curves = {{"rewards/margins", ""}}},
      {.title = "Eval reward margin",
       .note = "chosen minus rejected",
       .curves = {{"eval_rewards/margins", ""}}},
      {.title = "Accuracy",
       .note = "share of pairs with chosen above rejected",
       .is_share = true,
       .curves = {{"rewards/accuracies", ""}}},
      {.title = "Eval accuracy",
       .note = "share of pairs with chosen above rejected",
       .is_share = true,
       .curves = {{"eval_rewards/accuracies", ""}}},
      {.title = "Mean log-ratio",
       .note = "policy against reference, nats per answer of the data",
       .curves = {{"log_ratio", ""}}},
      {.title = "Score of own samples", .curves = {{"objective/scores", ""}}},
      {.title = "Gradient norm", .note = "before clipping", .curves = {{"grad_norm", ""}}},
      {.title = "Throughput", .note = "tokens per second", .curves = {{"tokens_per_second", ""}}},
      {.title = "Memory", .note = "resident, MB", .smooth = false, .curves = {{"memory_mb", ""}}},
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
