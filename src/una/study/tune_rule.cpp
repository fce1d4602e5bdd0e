// The arithmetic of successive halving: candidates, rungs, survivors.
#include <algorithm>
#include <cmath>
#include <limits>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/eval/curves.h"
#include "una/study/tune.h"

namespace una::study {
namespace {

constexpr std::size_t kMostCandidates = 1000;

struct Axis {
  std::string key;
  std::vector<std::string> values;
};

// A command line is cut at commas before it comes here: "beta=0.03", "0.1" is one key with two values.
std::vector<std::string> whole_axes(const std::vector<std::string>& tune) {
  std::vector<std::string> out;
  for (const std::string& part : tune) {
    if (out.empty() || part.find('=') != std::string::npos) {
      out.push_back(part);
    } else {
      out.back() += cat(",", part);
    }
  }
  return out;
}

Axis parse_axis(const std::string& text) {
  const std::size_t at = text.find('=');
  check_input(at != std::string::npos && at > 0, "tune: '", text,
              "' is not key=value,value, as in learning_rate=1e-6,1e-5");
  Axis axis{text.substr(0, at), split(text.substr(at + 1), ',')};
  std::replace(axis.key.begin(), axis.key.end(), '-', '_');
  for (const std::string& value : axis.values) {
    check_input(!value.empty(), "tune: '", text, "' has an empty value");
    check_input(std::count(axis.values.begin(), axis.values.end(), value) == 1, "tune: ", axis.key,
                " has the value ", value, " twice");
  }
  return axis;
}

}  // namespace

std::vector<Candidate> make_candidates(const std::vector<std::string>& tune) {
  check_input(!tune.empty(),
              "nothing to tune: give keys and values, as in --tune learning_rate=1e-6,1e-5 beta=0.03,0.1");
  std::vector<Candidate> out = {{}};
  std::vector<std::string> keys;
  for (const std::string& text : whole_axes(tune)) {
    const Axis axis = parse_axis(text);
    check_input(std::find(keys.begin(), keys.end(), axis.key) == keys.end(), "tune: ", axis.key,
                " is named twice");
    keys.push_back(axis.key);
    std::vector<Candidate> more;
    for (const Candidate& candidate : out) {
      for (const std::string& value : axis.values) {
        more.push_back(candidate);
        more.back().name += cat(candidate.name.empty() ? "" : ", ", axis.key, " ", value);
        more.back().settings.emplace_back(axis.key, value);
      }
    }
    out = std::move(more);
    check_input(out.size() <= kMostCandidates, "tune: more than ", kMostCandidates, " candidates");
  }
  return out;
}

std::vector<std::int64_t> rung_steps(std::int64_t steps, std::int64_t rungs, std::int64_t factor) {
  check_input(rungs >= 1, "tune_rungs must be 1 or more");
  check_input(factor >= 2, "tune_factor must be 2 or more");
  std::int64_t first = steps;
  for (std::int64_t i = 1; i < rungs; ++i) { first /= factor; }
  check_input(first >= 1, "a run of ", steps, " steps is too short for ", rungs, " rungs, each ", factor,
              " times the one before; give fewer --tune_rungs");
  std::vector<std::int64_t> out;
  for (std::int64_t i = 0; i + 1 < rungs; ++i) {
    out.push_back(first);
    first *= factor;
  }
  out.push_back(steps);
  return out;
}

std::vector<std::size_t> survivors(const std::vector<std::size_t>& candidates,
                                   const std::vector<double>& values, bool greater_is_better,
                                   std::int64_t factor) {
  check(candidates.size() == values.size(), "survivors: a value for each candidate");
  std::vector<std::size_t> order(candidates.size());
  for (std::size_t i = 0; i < order.size(); ++i) { order[i] = i; }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    if (std::isnan(values[a]) || std::isnan(values[b])) {
      return !std::isnan(values[a]) && std::isnan(values[b]);
    }
    return greater_is_better ? values[a] > values[b] : values[a] < values[b];
  });
  const auto f = static_cast<std::size_t>(factor);
  order.resize((order.size() + f - 1) / f);
  std::vector<std::size_t> out;
  for (const std::size_t i : order) { out.push_back(candidates[i]); }
  std::sort(out.begin(), out.end());
  return out;
}

eval::Interval seed_interval(const std::vector<double>& values) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  if (values.empty()) { return {nan, nan, nan}; }
  const eval::SeedMean mean = eval::mean_over_seeds(values);
  if (values.size() < 2) { return {mean.mean, nan, nan}; }
  return {mean.mean, mean.mean - mean.half_width, mean.mean + mean.half_width};
}

double tuned_metric(const std::string& metrics_jsonl, const std::string& metric, std::int64_t step,
                    double kl_budget, bool greater_is_better) {
  double found = std::numeric_limits<double>::quiet_NaN();
  for (const std::string& line : split(metrics_jsonl, '\n')) {
    const Json row = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    const auto number = [&](const std::string& key) {
      return row.contains(key) && row[key].is_number() ? row[key].get<double>()
                                                       : std::numeric_limits<double>::quiet_NaN();
    };
    if (!row.is_object() || !(number("step") >= 1) || !(number("step") <= static_cast<double>(step))) {
      continue;
    }
    const double value = number(metric);
    if (std::isnan(value)) { continue; }
    if (kl_budget == 0) {
      found = value;
    } else if (number("eval_kl") <= kl_budget) {
      const bool better = std::isnan(found) || (greater_is_better ? value > found : value < found);
      found = better ? value : found;
    }
  }
  return found;
}

}  // namespace una::study
