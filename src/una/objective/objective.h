#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/base/json.h"
#include "una/core/loss.h"
#include "una/core/packed_batch.h"
#include "una/core/step_batch.h"
#include "una/objective/objective_options.h"

namespace una::objective {

// All the numbers a loss may look at: rows of one micro-batch (or of a whole step), complete rows only.
struct ObjectiveInput {
  const std::vector<SequenceMeta>* sequences = nullptr;  // [S]
  at::Tensor logp;                                       // [N] log pi of the loss tokens; differentiable
  at::Tensor ref_logp;     // [N] log pi_ref of the same tokens, no gradient; undefined when not needed
  at::Tensor score;        // [S] reward-head scores; differentiable; undefined when not needed
  at::Tensor value;        // [S] V(x) of the value head; differentiable; undefined when not needed
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
  at::Tensor dvalue;         // [S] fp32, or undefined
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
    bool value = false;         // value head V(x), with a learning rate of its own
    bool token_values = false;  // a critic: its value before every loss token
    bool columns = false;       // lacks() may find something missing; else nobody asks it of every row
    bool survey = false;  // observe() of every row; else nobody walks the whole data before the first step
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

  // What the method needs of a row and this one lacks, as `field "x" ...`, or "". The caller knows file and
  // line.
  virtual std::string lacks(const SequenceMeta&) const { return ""; }
  // Before the first step, under Needs::survey: the table of each row of the training data, once (mean
  // length, spread of rewards).
  virtual void observe(const std::vector<SequenceMeta>& row);
  // Where the value head's bias starts, once all rows were observed.
  virtual double initial_value() const { return 0; }

  // Quantities shared by a whole step. `kl_sum`, `kl_count`: sum and number of the mismatched rows'
  // log-ratios.
  virtual void begin_step(double kl_sum, double kl_count);
  // What becomes of a step whose gradient is known, by its global metric sums. Not called in evaluations.
  virtual StepVerdict judge(const MetricSums&) const { return StepVerdict::kApply; }
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

// The one list of methods: una, dpo, kto, sft, reward. InputError on an unknown name (nearest named) or on
// options that contradict each other.
std::unique_ptr<Objective> make_objective(const std::string& method, const ObjectiveOptions& options);
std::vector<std::string> objective_names();
std::vector<std::string> pair_loss_names();  // values of loss_type

// KTO's paper (Eq. 8) wants (w_D n_D) / (w_U n_U) in [1, 4/3]. "" when it is, else a line for people that
// names the range of desirable_weight. Counts of good and bad answers of the whole data set.
std::string kto_weight_advice(double desirable, double undesirable, const ObjectiveOptions& options);

}  // namespace una::objective
