#pragma once

#include <map>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace una {

// A mean that has not been divided yet. `count` is known from the batch's table alone, before any forward
// pass, so micro-batches and ranks of unequal size add up exactly and the trainer divides once (objectives.md
// section 6).
struct LossSum {
  at::Tensor sum;  // scalar
  double count = 0;
};

// Sums and counts by name, host numbers; a logged value is sum / count, never a mean of means.
class MetricSums {
 public:
  void add(const std::string& name, double sum, double count = 1);
  // "max:name" and "min:name" semantics: the extreme over everything added.
  void add_max(const std::string& name, double value);
  void add_min(const std::string& name, double value);
  // With a prefix the names get it, and those that begin with "_" are left out.
  void merge(const MetricSums& other, const std::string& prefix = "");
  void clear();
  std::map<std::string, double> means() const;  // names with count 0 are left out
  double sum(const std::string& name) const;    // 0 when absent
  double count(const std::string& name) const;
  struct Entry {
    double sum = 0, count = 0;
    enum class Kind { kMean, kMax, kMin } kind = Kind::kMean;
  };
  const std::map<std::string, Entry>& entries() const { return entries_; }

 private:
  std::map<std::string, Entry> entries_;
};

}  // namespace una
