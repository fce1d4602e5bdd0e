#include "una/study/grid/summary.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/eval/curves.h"
#include "una/eval/matched_kl.h"
#include "una/eval/stability.h"
#include "una/eval/statistics.h"
#include "una/study/grid/arms.h"

namespace una::study {
namespace {

constexpr double kLawFrom = 0.05, kLawTo = 0.5;  // nats
constexpr std::uint64_t kDraws = 42;             // seed of the bootstraps

// What is compared: one judge of one task's answers.
struct Section {
  std::string task, noise;
};

// The results of one arm in one section; `nominal` in the order of the seeds.
struct ArmResults {
  const StudyArm* arm = nullptr;
  std::vector<const Json*> nominal;
  eval::Family family;
};

eval::FamilyMember member_of(const Json& point) {
  return {.gains = point.at("gains").get<std::vector<double>>(),
          .log_ratios = point.at("log_ratios").get<std::vector<double>>()};
}

ArmResults results_of(const StudyOptions& options, const std::vector<Cell>& cells,
                      const std::vector<Json>& results, const Section& section, const std::string& arm) {
  ArmResults out{.arm = &find_arm(arm), .nominal = {}, .family = {}};
  for (const std::string& seed : options.seeds) {
    out.family.seeds.emplace_back();
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const Cell& cell = cells[i];
      if (cell.arm != arm || cell.task != section.task || cell.noise != section.noise ||
          std::to_string(cell.seed) != seed) {
        continue;
      }
      if (cell.is_nominal) { out.nominal.push_back(&results[i]); }
      if (cell.learning_rate != out.arm->learning_rate) { continue; }
      for (const Json& point : results[i].at("frontier")) {
        out.family.seeds.back().push_back(member_of(point));
      }
    }
  }
  return out;
}

std::vector<double> values_of(const ArmResults& arm, const std::string& key) {
  std::vector<double> out;
  for (const Json* result : arm.nominal) { out.push_back(result->at(key).get<double>()); }
  return out;
}

// The frontier's point at the trained scale, which check_factors asks for.
const Json& trained(const Json& result) {
  const Json& frontier = result.at("frontier");
  const auto found = std::find_if(frontier.begin(), frontier.end(),
                                  [](const Json& point) { return point.at("scale") == 1.0; });
  check(found != frontier.end(), "study: a cell without the adapter as it was trained");
  return *found;
}

Json over_seeds(const std::vector<double>& values) {
  const eval::SeedMean mean = eval::mean_over_seeds(values);
  return {{"mean", mean.mean}, {"half_width", mean.half_width}, {"values", values}};
}

Json json_of(const std::optional<eval::Interval>& interval) {
  if (!interval) { return nullptr; }
  return {{"mean", interval->mean}, {"low", interval->low}, {"high", interval->high}};
}

Json steps_to_90(const ArmResults& arm) {
  std::vector<double> values;
  for (const Json* result : arm.nominal) {
    const auto curve = result->at("curve").get<std::vector<std::pair<double, double>>>();
    if (const std::optional<double> steps = eval::steps_to_share(curve, 0.9)) { values.push_back(*steps); }
  }
  return values.size() == arm.nominal.size() ? over_seeds(values) : Json(nullptr);
}

Json law_of(const ArmResults& arm) {
  Json out = Json::array();
  for (const Json* result : arm.nominal) {
    const double slope = result->at("rho").get<double>() * result->at("gold_sd").get<double>();
    for (const Json& point : result->at("frontier")) {
      const double kl = point.at("kl").get<double>();
      if (kl < kLawFrom || kl > kLawTo || !(slope > 0)) { continue; }
      out.push_back(point.at("gain").get<double>() / (slope * std::sqrt(2 * kl)));
    }
  }
  return out;
}

Json frontier_of(const ArmResults& arm) {
  Json out = Json::array();
  const std::size_t points = arm.nominal.front()->at("frontier").size();
  for (std::size_t p = 0; p < points; ++p) {
    double kl = 0, gain = 0;
    for (const Json* result : arm.nominal) {
      kl += result->at("frontier")[p].at("kl").get<double>();
      gain += result->at("frontier")[p].at("gain").get<double>();
    }
    const auto n = static_cast<double>(arm.nominal.size());
    out.push_back(Json::array({kl / n, gain / n}));
  }
  return out;
}

Json arm_json(const StudyOptions& options, const ArmResults& arm) {
  Json out{{"name", arm.arm->name}, {"title", arm.arm->title}, {"control", arm.arm->is_control}};
  for (const char* key : {"rho", "pair_accuracy", "calibrated_beta", "log_mean_exp_ratio", "seconds",
                          "peak_mb", "loss_variance_relative"}) {
    out[key] = over_seeds(values_of(arm, key));
  }
  std::vector<double> gains, kls;
  for (const Json* result : arm.nominal) {
    gains.push_back(trained(*result).at("gain").get<double>());
    kls.push_back(trained(*result).at("kl").get<double>());
  }
  out["gain"] = over_seeds(gains);
  out["kl"] = over_seeds(kls);
  out["steps_to_90"] = steps_to_90(arm);
  out["gain_at_kl"] = json_of(eval::gain_band(arm.family, options.kl, kDraws));
  out["law"] = law_of(arm);
  out["frontier"] = frontier_of(arm);
  return out;
}

// Each arm against the baseline, seed by seed.
void add_differences(const StudyOptions& options, const std::vector<ArmResults>& arms, Json& out) {
  const auto base = std::find_if(arms.begin(), arms.end(),
                                 [&](const ArmResults& a) { return a.arm->name == options.baseline; });
  check(base != arms.end(), "study: the baseline has no results");
  const std::vector<double> wanted = values_of(*base, "rho");
  std::vector<std::vector<double>> differences;
  std::vector<double> p_values;
  for (const ArmResults& arm : arms) {
    differences.push_back(values_of(arm, "rho"));
    for (std::size_t s = 0; s < wanted.size(); ++s) { differences.back()[s] -= wanted[s]; }
    if (&arm != &*base && !arm.arm->is_control) {
      p_values.push_back(eval::paired_p_value(differences.back()));
    }
  }
  const std::vector<double> adjusted = eval::holm(p_values);
  std::size_t next = 0;
  for (std::size_t a = 0; a < arms.size(); ++a) {
    if (&arms[a] == &*base || arms[a].arm->is_control) { continue; }
    Json difference = over_seeds(differences[a]);
    difference["p"] = p_values[next];
    difference["p_holm"] = adjusted[next];
    difference["verdict"] =
        eval::verdict_name(eval::verdict_of(differences[a], adjusted[next], options.margin));
    out[a]["rho_difference"] = std::move(difference);
    out[a]["gain_difference"] =
        json_of(eval::paired_difference(arms[a].family, base->family, options.kl, kDraws));
    ++next;
  }
}

Json section_json(const StudyOptions& options, const std::vector<Cell>& cells,
                  const std::vector<Json>& results, const Section& section) {
  std::vector<ArmResults> arms;
  Json list = Json::array();
  for (const std::string& name : options.arms) {
    arms.push_back(results_of(options, cells, results, section, name));
    list.push_back(arm_json(options, arms.back()));
  }
  add_differences(options, arms, list);
  return {{"task", section.task}, {"noise", section.noise}, {"arms", std::move(list)}};
}

}  // namespace

Json summarise(const StudyOptions& options, const std::vector<Cell>& cells,
               const std::vector<Json>& results) {
  Json out{{"seeds", options.seeds},   {"baseline", options.baseline}, {"kl", options.kl},
           {"margin", options.margin}, {"quick", options.quick},       {"noises", Json::array()}};
  for (const std::string& task : options.tasks) {
    for (const std::string& noise : options.noises) {
      out["noises"].push_back(section_json(options, cells, results, {task, noise}));
    }
  }
  return out;
}

}  // namespace una::study
