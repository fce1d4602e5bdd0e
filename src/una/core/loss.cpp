#include "una/core/loss.h"

#include <algorithm>

namespace una {

void MetricSums::add(const std::string& name, double sum, double count) {
  Entry& entry = entries_[name];
  entry.sum += sum;
  entry.count += count;
}

void MetricSums::add_max(const std::string& name, double value) {
  Entry& entry = entries_[name];
  entry.sum = entry.count == 0 ? value : std::max(entry.sum, value);
  entry.count = 1;
  entry.kind = Entry::Kind::kMax;
}

void MetricSums::add_min(const std::string& name, double value) {
  Entry& entry = entries_[name];
  entry.sum = entry.count == 0 ? value : std::min(entry.sum, value);
  entry.count = 1;
  entry.kind = Entry::Kind::kMin;
}

void MetricSums::merge(const MetricSums& other, const std::string& prefix) {
  for (const auto& [own_name, entry] : other.entries_) {
    if (entry.count == 0 || (!prefix.empty() && own_name.front() == '_')) { continue; }
    const std::string name = prefix + own_name;
    if (entry.kind == Entry::Kind::kMax) {
      add_max(name, entry.sum);
    } else if (entry.kind == Entry::Kind::kMin) {
      add_min(name, entry.sum);
    } else {
      add(name, entry.sum, entry.count);
    }
  }
}

void MetricSums::clear() { entries_.clear(); }

std::map<std::string, double> MetricSums::means() const {
  std::map<std::string, double> out;
  for (const auto& [name, entry] : entries_) {
    if (entry.count != 0) { out[name] = entry.sum / entry.count; }
  }
  return out;
}

double MetricSums::sum(const std::string& name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() ? 0 : found->second.sum;
}

double MetricSums::count(const std::string& name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() ? 0 : found->second.count;
}

}  // namespace una
