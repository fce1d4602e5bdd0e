#include "una/serve/metrics.h"

#include <algorithm>
#include <utility>

#include "una/base/format.h"

namespace una::serve {
namespace {

const std::vector<double> kShort = {0.001, 0.0025, 0.005, 0.01, 0.02, 0.04,
                                    0.08,  0.16,   0.32,  0.64, 1.28, 2.56};
const std::vector<double> kLong = {0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600};

std::string family(const char* name, const char* type, const char* help) {
  return cat("# HELP una:", name, " ", help, "\n# TYPE una:", name, " ", type, "\n");
}

// A label's value: a model's name may hold any character.
std::string label_value(const std::string& value) {
  std::string out;
  for (const char c : value) {
    if (c == '\\' || c == '"') { out += '\\'; }
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

}  // namespace

void Histogram::add(double value) {
  const auto at = std::lower_bound(bounds_.begin(), bounds_.end(), value);
  ++counts_[static_cast<std::size_t>(at - bounds_.begin())];
  sum_ += value;
}

std::string Histogram::text(const std::string& name, const std::string& labels) const {
  std::string out;
  std::int64_t total = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    total += counts_[i];
    const std::string bound = i < bounds_.size() ? cat(bounds_[i]) : "+Inf";
    out += cat("una:", name, "_bucket{", labels, ",le=\"", bound, "\"} ", total, "\n");
  }
  return out +
         cat("una:", name, "_sum{", labels, "} ", sum_, "\nuna:", name, "_count{", labels, "} ", total, "\n");
}

Metrics::Metrics(std::string model_name)
    : labels_(cat("model_name=\"", label_value(model_name), "\"")),
      queue_(kLong),
      first_(kLong),
      between_(kShort),
      whole_(kLong) {
  for (const char* reason : {"stop", "length", "abort", "error"}) { finished_[reason] = 0; }
}

void Metrics::observe(const generate::EngineCounts& counts) {
  const std::lock_guard lock(mutex_);
  counts_ = counts;
}

void Metrics::queued(double seconds) {
  const std::lock_guard lock(mutex_);
  queue_.add(seconds);
}

void Metrics::first_token(double seconds) {
  const std::lock_guard lock(mutex_);
  first_.add(seconds);
}

void Metrics::between_tokens(double seconds) {
  const std::lock_guard lock(mutex_);
  between_.add(seconds);
}

void Metrics::finished(const std::string& reason, double seconds) {
  const std::lock_guard lock(mutex_);
  ++finished_[reason];
  whole_.add(seconds);
}

void Metrics::aborted(std::size_t choices) {
  const std::lock_guard lock(mutex_);
  finished_["abort"] += static_cast<std::int64_t>(choices);
}

generate::EngineCounts Metrics::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

std::string Metrics::text() const {
  const std::lock_guard lock(mutex_);
  std::string out;
  const auto one = [&](const char* name, const char* type, const char* help, double value) {
    out += family(name, type, help) + cat("una:", name, "{", labels_, "} ", value, "\n");
  };
  const auto number = [](std::int64_t value) { return static_cast<double>(value); };
  const double slots = number(std::max<std::int64_t>(1, counts_.slots));
  one("num_requests_running", "gauge", "Choices that are sampled now.", number(counts_.running));
  one("num_requests_waiting", "gauge", "Choices that wait for room.", number(counts_.waiting));
  one("kv_cache_usage_perc", "gauge", "Share of the cache's slots in use, 1: all.",
      number(counts_.used_slots) / slots);
  one("prefix_cache_queries_total", "counter", "Tokens of prompts that began.",
      number(counts_.prefix_queries));
  one("prefix_cache_hits_total", "counter", "Of these, found in the prefix cache.",
      number(counts_.prefix_hits));
  one("prompt_tokens_total", "counter", "Tokens of prompts that were computed.",
      number(counts_.prompt_tokens));
  one("generation_tokens_total", "counter", "Tokens that were sampled.", number(counts_.new_tokens));
  out += family("request_success_total", "counter", "Choices by how they ended.");
  for (const auto& [reason, count] : finished_) {
    out += cat("una:request_success_total{", labels_, ",finished_reason=\"", reason, "\"} ", count, "\n");
  }
  const auto histogram = [&](const char* name, const char* help, const Histogram& values) {
    out += family(name, "histogram", help) + values.text(name, labels_);
  };
  histogram("request_queue_time_seconds", "From arrival to the first forward pass.", queue_);
  histogram("time_to_first_token_seconds", "From arrival to the first token.", first_);
  histogram("inter_token_latency_seconds", "Between two tokens of a choice.", between_);
  histogram("e2e_request_latency_seconds", "From arrival to the end of a choice.", whole_);
  return out;
}

}  // namespace una::serve
