#include "una/objective/una/running_offset.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "una/base/error.h"
#include "una/base/format.h"

namespace una::objective {
namespace {

const std::string kSumPrefix = "_offset/";
const std::string kSlopePrefix = "_offset_slope/";
constexpr double kLargestMove = 1;       // of the sigmoid's Newton step, in logits
constexpr double kSmallestSlope = 1e-2;  // mean of s (1 - s); with less, Newton's step would overshoot

}  // namespace

double RunningOffset::value(std::int32_t source) const {
  const auto found = entries_.find(source);
  return found == entries_.end() ? 0 : found->second.value;
}

void RunningOffset::add_sums(std::int32_t source, double reward, double target, MetricSums& metrics) const {
  const std::string name = cat(kSumPrefix, source);
  if (mode_ == Mode::kCentre) {
    metrics.add(name, -reward);
  } else if (link_ == Link::kIdentity) {
    metrics.add(name, target - reward);
  } else {
    const double u = reward + value(source);
    metrics.add(name, target - sigmoid(u));
    metrics.add(cat(kSlopePrefix, source), sigmoid(u) * sigmoid(-u));
  }
}

void RunningOffset::move(Entry& entry, double sum, double count, double slope) const {
  entry.count = decay_ * entry.count + count;
  if (mode_ == Mode::kMatch && link_ == Link::kSigmoid) {
    // The step is damped by its share of the running count: 1 at first, 1 - decay later.
    const double newton = sum / std::max(slope, kSmallestSlope * count);
    entry.value += count / entry.count * std::clamp(newton, -kLargestMove, kLargestMove);
    return;
  }
  entry.sum = decay_ * entry.sum + sum;
  entry.value = entry.sum / entry.count;
}

void RunningOffset::end_step(const MetricSums& step) {
  for (const auto& [name, sums] : step.entries()) {
    if (!starts_with(name, kSumPrefix) || sums.count == 0) { continue; }
    const std::string source = name.substr(kSumPrefix.size());
    move(entries_[std::stoi(source)], sums.sum, sums.count, step.sum(kSlopePrefix + source));
  }
}

Json RunningOffset::state() const {
  Json out = Json::object();
  for (const auto& [source, entry] : entries_) {
    out[std::to_string(source)] = {{"sum", entry.sum}, {"count", entry.count}, {"value", entry.value}};
  }
  return out;
}

void RunningOffset::load_state(const Json& state) {
  const std::string what = "objective state, running offsets";
  check_input(state.is_object(), what, ": not an object");
  std::map<std::int32_t, Entry> entries;
  for (const auto& [source, entry] : state.items()) {
    check_input(!source.empty() && source.size() < 10 &&
                    source.find_first_not_of("0123456789") == std::string::npos && entry.is_object(),
                what, ": '", source, "' is not a source");
    entries[std::stoi(source)] = {number_member(entry, "sum", 0, what),
                                  number_member(entry, "count", 0, what),
                                  number_member(entry, "value", 0, what)};
  }
  entries_ = std::move(entries);
}

}  // namespace una::objective
