#pragma once

#include <map>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace una {

// A mean before its division. `count` follows from the batch's table alone, before any forward pass, so sums
// over micro-batches and ranks of unequal size are exact; the trainer divides once, by the counts of the
// whole step (docs/objectives.md).
struct LossSum {
  at::Tensor sum;  // scalar
  double count = 0;
};

// Sums and counts by name, on the host; a logged value is sum / count, never a mean of means. Not
// thread-safe.
class MetricSums {
 public:
  void add(const std::string& name, double sum, double count = 1);
  // For maxima and minima: the extreme of everything added.
  void add_max(const std::string& name, double value);
  void add_min(const std::string& name, double value);
  // Adds `prefix` to the names, if given; names that begin with "_" are then left out.
  void merge(const MetricSums& other, const std::string& prefix = "");
  void clear();
  std::map<std::string, double> means() const;  // names with count 0 are left out
  double sum(const std::string& name) const;    // 0 when absent
  double count(const std::string& name) const;
  // One metric; for kMax and kMin `sum` is the extreme.
  struct Entry {
    double sum = 0, count = 0;
    enum class Kind { kMean, kMax, kMin } kind = Kind::kMean;
  };
  const std::map<std::string, Entry>& entries() const { return entries_; }

 private:
  std::map<std::string, Entry> entries_;
};

}  // namespace una
