#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/base/json.h"
#include "una/base/options.h"
#include "una/core/loss.h"
#include "una/core/packed_batch.h"

namespace una::objective {

// All the numbers a loss may look at: rows of one micro-batch (or of a whole step), complete rows only.
struct ObjectiveInput {
  const std::vector<SequenceMeta>* sequences = nullptr;  // [S]
  at::Tensor logp;                                       // [N] log pi of the loss tokens; differentiable
  at::Tensor ref_logp;     // [N] log pi_ref of the same tokens, no gradient; undefined when not needed
  at::Tensor score;        // [S] reward-head scores; differentiable; undefined when not needed
  at::Tensor token_value;  // [N] a critic's value before each loss token; differentiable
  at::Tensor entropy, mean_logit, greedy;                      // [N] statistics for metrics, or undefined
  const std::map<std::string, at::Tensor>* columns = nullptr;  // of the batch: "old_logp", "advantage", ...
};

// Differentiable sums, one a part, in the order of Objective::parts(), and metrics of this input.
struct LossTerms {
  std::vector<at::Tensor> sums;  // scalars
  MetricSums metrics;
};

// Loss and gradient of L = sum_k scale_k S_k with respect to what the model computed.
struct Evaluation {
  std::vector<double> sums;  // S_k
  at::Tensor dlogp;          // [N] fp32, or undefined
  at::Tensor dscore;         // [S] fp32, or undefined
  at::Tensor dtoken_value;   // [N] fp32, or undefined
  MetricSums metrics;
};

// A loss as arithmetic: no model, no files, no ranks, no randomness. Same inputs, same bits. Sequence
// arithmetic runs in fp64. Metric names are TRL's (rewards/chosen, ...).
class Objective {
 public:
  struct Needs {
    bool logp = true;
    bool reference = false;
    bool kl_rows = false;       // KTO's mismatched rows, forwarded before the step
    bool score = false;         // reward head
    bool token_values = false;  // a critic: its value before every loss token
  };

  virtual ~Objective() = default;
  virtual Needs needs() const = 0;
  virtual std::vector<std::string> parts() const { return {"loss"}; }
  // Which units this loss can learn from; the reader refuses others by name.
  virtual bool accepts(Unit unit) const = 0;
  // N_k, from the table alone: how many terms each part's sum will have.
  virtual std::vector<double> count(const std::vector<SequenceMeta>& sequences) const = 0;
  // lambda_k given the global counts; default N_k / sum N (a plain mean over all terms).
  virtual std::vector<double> weights(const std::vector<double>& counts) const;
  virtual LossTerms terms(const ObjectiveInput& input) const = 0;
  // The loss that a policy equal to the reference must show on these rows at step 0, or NaN when it is not
  // defined by them alone (SFT, reward models).
  virtual double loss_at_reference(const std::vector<SequenceMeta>& sequences) const = 0;

  // Quantities shared by a whole step. `kl_sum`, `kl_count`: sum and number of the mismatched rows'
  // log-ratios.
  virtual void begin_step(double kl_sum, double kl_count);
  // After the step, with its global metric sums (names that begin with "_" included): running means move
  // here, once.
  virtual void end_step(const MetricSums& step);
  // Values that are no plain mean (a correlation, a variance, a difference of two means), from the sums of a
  // logging window before the names that begin with "_" are dropped. Only names that `window` lacks.
  virtual std::map<std::string, double> derived(const MetricSums& window) const;
  // What it remembers between steps, for checkpoints. An evaluation that calls begin_step saves the state
  // before and loads it after.
  virtual Json state() const { return Json::object(); }
  virtual void load_state(const Json& state);
};

// Runs `terms` on detached copies with autograd and returns the gradients (a kernel then scales them).
Evaluation evaluate(const Objective& objective, const ObjectiveInput& input,
                    const std::vector<double>& scales);

// The keys of all methods; each factory reads what it knows. TRL's names.
struct ObjectiveOptions {
  double beta = 0.1;
  std::string loss_type = "sigmoid";  // dpo: pair_loss_names()
  double label_smoothing = 0;
  std::string f_divergence_type = "reverse_kl";  // dpo
  double f_alpha_divergence_coef = 0.5;
  double rpo_alpha = 0;    // dpo: weight of an added NLL of the chosen answers
  double rpo_eta = 1;      // dpo: scale of the explicit reward gap in rpo_* and distilled
  double simpo_gamma = 1;  // dpo, loss_type simpo
  double discopop_tau = 0.05;
  std::string una_link = "sigmoid";  // sigmoid | identity
  std::string una_loss = "mse";      // mse | bce | l1 | huber (point and score units; pairs use bce)
  std::string una_f = "zero";        // zero | constant | running | group
  double una_constant = 0;
  double una_huber_delta = 1;
  std::string una_running = "centre";                   // centre | match
  double una_running_decay = 0.95;                      // of the running sums, a step; 1: never forgets
  std::string una_reward = "raw";                       // identity link: raw | score
  double desirable_weight = 1, undesirable_weight = 1;  // kto
  std::string kl_source = "batch";                      // kto: batch | ema | none
  double center_rewards_coefficient = 0;                // reward
  double epsilon = 0.2, epsilon_high = 0;               // rloo, grpo, ppo: clip of the ratio
  std::string scale_rewards = "group";                  // grpo: group | none
  double vf_coef = 0.1, cliprange_value = 0.2;          // ppo
  std::int64_t max_completion_length = 256;             // own samples; divisor of grpo's dr_grpo
  template <class V>
  void fields(V&& v) {
    v("beta", beta, "scale of the implicit reward beta * log(pi / pi_ref)");
    v("loss_type", loss_type,
      "dpo: sigmoid | hinge | ipo | ipo_sum | robust | exo_pair | nca_pair | bco_pair | sppo_hard | apo_zero "
      "| "
      "apo_down | aot | aot_unpaired | discopop | sigmoid_norm | rpo_sq | rpo_bwd | rpo_fwd | simpo | orpo");
    v("label_smoothing", label_smoothing, "pairs of dpo, una, reward: probability that the label is wrong");
    v("f_divergence_type", f_divergence_type,
      "dpo: reverse_kl | forward_kl | js_divergence | alpha_divergence");
    v("f_alpha_divergence_coef", f_alpha_divergence_coef, "dpo, alpha_divergence: its alpha");
    v("rpo_alpha", rpo_alpha, "dpo: weight of the chosen answers' NLL a token, added to the loss; 0: none");
    v("rpo_eta", rpo_eta, "dpo, rpo_*: scale of the rows' margin (or score gap)");
    v("simpo_gamma", simpo_gamma, "dpo, simpo: reward margin gamma");
    v("discopop_tau", discopop_tau, "dpo, discopop: temperature of its gate");
    v("una_link", una_link, "una: sigmoid (fit the score) | identity (fit the reward)");
    v("una_loss", una_loss, "una, answers one by one: mse | bce | l1 | huber");
    v("una_f", una_f, "una, the offset f(x): zero | constant | running | group");
    v("una_constant", una_constant, "una_f constant: its value");
    v("una_huber_delta", una_huber_delta, "una_loss huber: where it turns linear");
    v("una_running", una_running,
      "una_f running: centre (minus the mean reward) | match (mean residual zero)");
    v("una_running_decay", una_running_decay, "una_f running: decay of its sums a step; 1: never forgets");
    v("una_reward", una_reward, "una_link identity fits: raw (the reward as in the file) | score (in 0..1)");
    v("desirable_weight", desirable_weight, "kto: weight of good answers");
    v("undesirable_weight", undesirable_weight, "kto: weight of bad answers");
    v("kl_source", kl_source, "kto baseline: batch (mismatched rows of the step) | ema | none");
    v("center_rewards_coefficient", center_rewards_coefficient, "reward: c (r_w + r_l)^2");
    v("epsilon", epsilon, "rloo, grpo, ppo: clip of the probability ratio");
    v("epsilon_high", epsilon_high, "rloo, grpo: upper clip; 0: as epsilon");
    v("scale_rewards", scale_rewards, "grpo: group (divide by the group's standard deviation) | none");
    v("vf_coef", vf_coef, "ppo: weight of the value loss");
    v("cliprange_value", cliprange_value, "ppo: how far a value may move from the old one");
    v("max_completion_length", max_completion_length, "online methods: longest sampled answer in tokens");
  }
};

// The one list of methods: una, dpo, kto, sft, reward. InputError on an unknown name (nearest named) or on
// options that contradict each other.
std::unique_ptr<Objective> make_objective(const std::string& method, const ObjectiveOptions& options);
std::vector<std::string> objective_names();
std::vector<std::string> pair_loss_names();  // values of loss_type

// KTO's paper (Eq. 8) wants (w_D n_D) / (w_U n_U) in [1, 4/3]. "" when it is, else a line for people that
// names the range of desirable_weight. Counts of good and bad answers of the whole data set.
std::string kto_weight_advice(double desirable, double undesirable, const ObjectiveOptions& options);

}  // namespace una::objective
