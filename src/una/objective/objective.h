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

// All inputs of a loss: the rows of one micro-batch (or of a whole step), complete rows only.
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

// Differentiable sums, one per part, in the order of Objective::parts(), and metrics of this input.
struct LossTerms {
  std::vector<at::Tensor> sums;  // scalars
  MetricSums metrics;
};

// Loss and gradient of L = sum_k scale_k S_k with respect to the model's outputs.
struct Evaluation {
  std::vector<double> sums;  // S_k
  at::Tensor dlogp;          // [N] fp32, or undefined
  at::Tensor dscore;         // [S] fp32, or undefined
  at::Tensor dvalue;         // [S] fp32, or undefined
  at::Tensor dtoken_value;   // [N] fp32, or undefined
  MetricSums metrics;
};

// A loss as arithmetic: no model, no files, no ranks, no randomness. Same inputs, same bits. Sequence
// arithmetic is in fp64. Metric names are TRL's (rewards/chosen, ...). Const methods may run concurrently,
// but not with others.
class Objective {
 public:
  // The inputs that a loss requires.
  struct Needs {
    bool logp = true;
    bool reference = false;
    bool kl_rows = false;       // KTO's mismatched rows, computed before the step
    bool score = false;         // reward head
    bool value = false;         // value head V(x), which has its own learning rate
    bool token_values = false;  // a critic's value before every loss token
    bool columns = false;  // lacks() can find something missing; otherwise it is not called for every row
    // observe() must see every row; otherwise the data is not read before the first step.
    bool survey = false;
    bool pilot = false;  // set_prompt_ratio() before the first step, on given rows
  };

  virtual ~Objective() = default;
  virtual Needs needs() const = 0;
  virtual std::vector<std::string> parts() const { return {"loss"}; }
  // Whether this loss can learn from a unit; the reader refuses others by name.
  virtual bool accepts(Unit unit) const = 0;
  // N_k: the number of terms of each part's sum, which follows from the table alone.
  virtual std::vector<double> count(const std::vector<SequenceMeta>& sequences) const = 0;
  // lambda_k given the global counts; default N_k / sum N (a plain mean over all terms).
  virtual std::vector<double> weights(const std::vector<double>& counts) const;
  virtual LossTerms terms(const ObjectiveInput& input) const = 0;
  // The loss on these rows at step 0, when the policy equals the reference; NaN when the rows do not
  // determine it (SFT, reward models).
  virtual double loss_at_reference(const std::vector<SequenceMeta>& sequences) const = 0;

  // The required field that a row lacks, as the sentence `field "x" ...`, or "". The caller adds file and
  // line.
  virtual std::string lacks(const SequenceMeta&) const { return ""; }
  // Called before the first step, if Needs::survey, once per row of the training data (for mean length or the
  // spread of rewards).
  virtual void observe(const std::vector<SequenceMeta>& row);
  // Needs::pilot: the rewards of answers in the unit of beta Delta, and what was chosen from them: the variance of
  // prompts' offsets over that of noise.
  virtual std::vector<double> pilot_rewards(const std::vector<SequenceMeta>& answers) const;
  virtual void set_prompt_ratio(double ratio);
  // The initial bias of the value head, after all rows were observed.
  virtual double initial_value() const { return 0; }

  // Sets the quantities that a whole step shares. `kl_sum`, `kl_count`: global sum and number of the
  // mismatched rows' log-ratios.
  virtual void begin_step(double kl_sum, double kl_count);
  // Decides on a step whose gradient is known, from its global metric sums. Not called in evaluations.
  virtual StepVerdict judge(const MetricSums&) const { return StepVerdict::kApply; }
  // Called after the step with its global metric sums (names that begin with "_" included); updates running
  // means, once per step.
  virtual void end_step(const MetricSums& step);
  // Values other than plain means (a correlation, a variance, a difference of two means), from the sums of a
  // logging window including names that begin with "_". Only names that `window` lacks.
  virtual std::map<std::string, double> derived(const MetricSums& window) const;
  // The state between steps, for checkpoints. An evaluation that calls begin_step saves the state before and
  // restores it afterwards.
  virtual Json state() const { return Json::object(); }
  virtual void load_state(const Json& state);
};

// Runs `terms` on detached copies with autograd and returns the gradients (a kernel then scales them).
Evaluation evaluate(const Objective& objective, const ObjectiveInput& input,
                    const std::vector<double>& scales);

// The objective called `method` (objective_names()). InputError for an unknown name, with the nearest one,
// and for options that contradict each other.
std::unique_ptr<Objective> make_objective(const std::string& method, const ObjectiveOptions& options);
std::vector<std::string> objective_names();
std::vector<std::string> pair_loss_names();  // values of loss_type

// KTO's paper (Eq. 8) recommends (w_D n_D) / (w_U n_U) in [1, 4/3]. Returns "" if it is, else a sentence with
// the range of desirable_weight. The counts of good and bad answers are those of the whole data set.
std::string kto_weight_advice(double desirable, double undesirable, const ObjectiveOptions& options);

}  // namespace una::objective
