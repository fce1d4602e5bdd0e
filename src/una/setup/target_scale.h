#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "una/core/packed_batch.h"
#include "una/objective/objective_options.h"

namespace una::setup {

// What a loss asks of the policy. At its optimum beta log(pi / pi_ref) of an answer is T, up to a number per prompt:
//   identity link       r
//   sigmoid link        logit of the score
//   pairs, hard labels  1.702 r / (sqrt 2 sigma), sigma the judge's noise (the probit's slope in logits)
//   labels              1.702 r / sigma
//   soft pairs          rpo_eta r
// so beta_eff = beta / (slope of T in r) is the beta of the identity link with the same optimum, and to second order
// KL(pi || pi_ref) = Var(T inside prompts) / (2 beta^2). The variance includes the noise of scores, which a policy fits
// only where it learns answers by heart: the KL is what the optimum asks for, not what a short run reaches.
class TargetScale {
 public:
  TargetScale(const std::string& method, const objective::ObjectiveOptions& options);

  void add(const std::vector<SequenceMeta>& row);

  // Lines for the log, one per kind of feedback; none for losses that it knows nothing about.
  std::vector<std::string> lines() const;
  // The beta whose optimum is at `kl` nats. InputError where that is unknown, with what to give.
  double beta_for(double kl) const;
  // Share of labels that are up; NaN without labels. Their number in `labels()`.
  double ups() const { return ups_ / labels_; }
  double labels() const { return labels_; }

 private:
  // Moments of T inside prompts.
  struct Moments {
    double count = 0, mean = 0, squares = 0;  // squares: of distances from the mean
    void add(double value);
  };
  // One kind of feedback.
  struct Part {
    double answers = 0;
    double slope = 0;  // sum over answers
    std::map<std::uint64_t, Moments> prompts;
  };
  double variance(const Part& part) const;  // inside prompts; of all answers where no prompt has two
  double reward_sd() const;                 // of the scores inside prompts; 1 without any
  bool knows_noise() const;
  double spread_of_judged(double slope_over_noise) const;
  // Sum over answers of the variance of T, and their number.
  struct Total {
    double variance = 0, answers = 0;
    bool known = true;
  };
  Total total() const;

  std::string method_;
  objective::ObjectiveOptions options_;
  bool soft_ = false, identity_ = false, covered_ = true;
  Part scores_, rewards_;              // T of scored answers; rewards of all answers that have one
  double gaps_ = 0, gap_squares_ = 0;  // of pairs with a margin
  double pairs_ = 0, labels_ = 0, ups_ = 0;
};

// A warning where labels are far from half up and the loss has no offset of its own for that; "" elsewhere.
std::string unbalanced_warning(const std::string& method, const objective::ObjectiveOptions& options,
                               const TargetScale& targets);

}  // namespace una::setup
