#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "una/generate/engine.h"

namespace una::serve {

// Counts of values at or below bounds, as Prometheus adds them up.
class Histogram {
 public:
  explicit Histogram(std::vector<double> bounds) : bounds_(std::move(bounds)), counts_(bounds_.size() + 1) {}
  void add(double value);
  std::string text(const std::string& name, const std::string& labels) const;

 private:
  std::vector<double> bounds_;
  std::vector<std::int64_t> counts_;  // the last: above all bounds
  double sum_ = 0;
};

// What /metrics tells, under vLLM's names with "una:". Thread-safe.
class Metrics {
 public:
  explicit Metrics(std::string model_name);
  void observe(const generate::EngineCounts& counts);  // after each step
  void queued(double seconds);       // from arrival to the start of the first choice's prompt
  void first_token(double seconds);  // from arrival
  void between_tokens(double seconds);
  void finished(const std::string& reason, double seconds);  // a choice; seconds from arrival
  void aborted(std::size_t choices);                         // the client went
  generate::EngineCounts counts() const;
  std::string text() const;  // text/plain; version=0.0.4

 private:
  mutable std::mutex mutex_;
  std::string labels_;
  generate::EngineCounts counts_;
  std::map<std::string, std::int64_t> finished_;
  Histogram queue_, first_, between_, whole_;
};

}  // namespace una::serve
