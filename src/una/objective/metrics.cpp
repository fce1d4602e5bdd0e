#include "una/objective/metrics.h"

#include <algorithm>
#include <cmath>

#include "una/objective/rows.h"

namespace una::objective {
namespace {

const std::string kMeanExp = "_mean_exp_ratio";
constexpr double kLargestExponent = 20;

const char* role_name(Role role) { return role == Role::kChosen ? "chosen" : "rejected"; }

void add_pair(double chosen, double rejected, MetricSums& metrics) {
  metrics.add("rewards/margins", chosen - rejected);
  metrics.add("rewards/accuracies", chosen > rejected ? 1 : 0);
}

// Delta on samples of one policy, for identities that hold for any policy: E_ref[exp Delta] = 1, E_ref[Delta]
// <= 0, E_pi[Delta] >= 0. The exponent is clamped, so that one answer cannot dominate the sum.
void add_sampled(const SequenceMeta& sequence, double log_ratio, MetricSums& metrics) {
  if (sequence.sampler == Sampler::kReference) {
    metrics.add("log_ratio/ref", log_ratio);
    metrics.add(kMeanExp, std::exp(std::clamp(log_ratio, -kLargestExponent, kLargestExponent)));
  } else if (sequence.sampler == Sampler::kPolicy) {
    metrics.add("log_ratio/policy", log_ratio);
  }
}

// Per-sequence sums of a statistic on the host; empty when the input lacks it.
std::vector<double> statistic(const at::Tensor& values, const std::vector<SequenceMeta>& sequences) {
  return values.defined() ? host_values(sequence_sums(values, sequences)) : std::vector<double>();
}

}  // namespace

void add_answer_metrics(const ObjectiveInput& input, const AnswerValues& values, MetricSums& metrics) {
  const std::vector<SequenceMeta>& sequences = *input.sequences;
  for (std::size_t s = 0; s < sequences.size(); ++s) {
    const SequenceMeta& sequence = sequences[s];
    if (const Role role = role_of(sequence); role != Role::kNone) {
      metrics.add(std::string("rewards/") + role_name(role), values.reward[s]);
      metrics.add(std::string("logps/") + role_name(role), values.logp[s]);
    }
    if (sequence.unit == Unit::kPair && sequence.slot == 1) {
      add_pair(values.reward[s - 1], values.reward[s], metrics);
    }
    if (values.log_ratio.empty()) { continue; }
    add_sampled(sequence, values.log_ratio[s], metrics);
    metrics.add("log_ratio", values.log_ratio[s]);
    metrics.add("log_ratio_per_token", values.log_ratio[s], static_cast<double>(sequence.loss_tokens()));
  }
}

void add_statistics(const ObjectiveInput& input, MetricSums& metrics) {
  const std::vector<SequenceMeta>& sequences = *input.sequences;
  const std::vector<double> entropy = statistic(input.entropy, sequences);
  const std::vector<double> logit = statistic(input.mean_logit, sequences);
  const std::vector<double> greedy = statistic(input.greedy, sequences);
  for (std::size_t s = 0; s < sequences.size(); ++s) {
    const Role role = role_of(sequences[s]);
    const auto tokens = static_cast<double>(sequences[s].loss_tokens());
    if (!entropy.empty()) { metrics.add("entropy", entropy[s], tokens); }
    if (!greedy.empty() && role != Role::kRejected) { metrics.add("mean_token_accuracy", greedy[s], tokens); }
    if (!logit.empty() && role != Role::kNone) {
      metrics.add(std::string("logits/") + role_name(role), logit[s], tokens);
    }
  }
}

void add_loss_metrics(const std::vector<double>& losses, const std::string& part, MetricSums& metrics) {
  for (const double loss : losses) {
    metrics.add("_loss", loss);
    metrics.add("_loss_sq", loss * loss);
    if (!part.empty()) { metrics.add("loss/" + part, loss); }
  }
}

std::map<std::string, double> common_derived(const MetricSums& window) {
  std::map<std::string, double> out;
  const std::map<std::string, double> means = window.means();
  const auto has = [&](const char* name) { return means.count(name) != 0; };
  if (has("_loss") && has("_loss_sq")) {
    const double mean = means.at("_loss");
    out["loss_variance"] = std::max(0.0, means.at("_loss_sq") - mean * mean);
  }
  if (has("_mean_exp_ratio")) { out["log_mean_exp_ratio/ref"] = std::log(means.at(kMeanExp)); }
  if (!has("rewards/margins") && has("rewards/chosen") && has("rewards/rejected")) {
    out["rewards/margins"] = means.at("rewards/chosen") - means.at("rewards/rejected");
  }
  return out;
}

}  // namespace una::objective
