#pragma once

#include <cstdint>
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
  at::Tensor ref_logp;  // [N] log pi_ref of the same tokens, no gradient; undefined when not needed
  at::Tensor score;     // [S] reward-head scores; differentiable; undefined when not needed
  at::Tensor entropy, mean_logit, greedy;  // [N] statistics for metrics, or undefined
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
  MetricSums metrics;
};

// A loss as arithmetic: no model, no files, no ranks, no randomness. Same inputs, same bits. Sequence
// arithmetic runs in fp64. Metric names are TRL's (rewards/chosen, ...).
class Objective {
 public:
  struct Needs {
    bool logp = true;
    bool reference = false;
    bool kl_rows = false;  // KTO's mismatched rows, forwarded before the step
    bool score = false;    // reward head
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
  // After the step, with its global metric sums: running means move here, once.
  virtual void end_step(const MetricSums& step);
  // What it remembers between steps, for checkpoints.
  virtual Json state() const { return Json::object(); }
  virtual void load_state(const Json& state);
};

// Runs `terms` on detached copies with autograd and returns the gradients (a kernel then scales them).
Evaluation evaluate(const Objective& objective, const ObjectiveInput& input,
                    const std::vector<double>& scales);

// The keys of all methods; each factory reads what it knows. TRL's names.
struct ObjectiveOptions {
  double beta = 0.1;
  std::string loss_type = "sigmoid";  // dpo
  double label_smoothing = 0;
  std::string una_link = "sigmoid";  // sigmoid | identity
  std::string una_loss = "mse";      // mse | bce | l1 | huber (point and score units; pairs use bce)
  std::string una_f = "zero";        // zero | constant | running | group
  double una_constant = 0;
  double una_huber_delta = 1;
  std::string una_running = "centre";                   // centre | match
  double desirable_weight = 1, undesirable_weight = 1;  // kto
  std::string kl_source = "batch";                      // kto: batch | ema | none
  double center_rewards_coefficient = 0;                // reward
  template <class V>
  void fields(V&& v) {
    v("beta", beta, "scale of the implicit reward beta * log(pi / pi_ref)");
    v("loss_type", loss_type, "dpo: sigmoid | ipo | hinge");
    v("label_smoothing", label_smoothing, "dpo, reward: probability that a pair's label is wrong");
    v("una_link", una_link, "una: sigmoid (fit the score) | identity (fit the reward)");
    v("una_loss", una_loss, "una, answers one by one: mse | bce | l1 | huber");
    v("una_f", una_f, "una, the offset f(x): zero | constant | running | group");
    v("una_constant", una_constant, "una_f constant: its value");
    v("una_huber_delta", una_huber_delta, "una_loss huber: where it turns linear");
    v("una_running", una_running,
      "una_f running: centre (minus the mean reward) | match (mean residual zero)");
    v("desirable_weight", desirable_weight, "kto: weight of good answers");
    v("undesirable_weight", undesirable_weight, "kto: weight of bad answers");
    v("kl_source", kl_source, "kto baseline: batch (mismatched rows of the step) | ema | none");
    v("center_rewards_coefficient", center_rewards_coefficient, "reward: c (r_w + r_l)^2");
  }
};

// The one list of methods: una, dpo, kto, sft, reward. InputError on an unknown name (nearest named) or on
// options that contradict each other.
std::unique_ptr<Objective> make_objective(const std::string& method, const ObjectiveOptions& options);
std::vector<std::string> objective_names();

}  // namespace una::objective
