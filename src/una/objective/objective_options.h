#pragma once

#include <cstdint>
#include <string>

#include "una/base/options.h"

namespace una::objective {

// The keys of all methods; each factory reads those that it knows. Named as in TRL where TRL has them.
struct ObjectiveOptions {
  double beta = 0.1;
  std::string log_ratio_norm = "sum";  // sum | mean
  std::string loss_type = "sigmoid";   // dpo: pair_loss_names()
  double label_smoothing = 0;
  std::string f_divergence_type = "reverse_kl";  // dpo
  double f_alpha_divergence_coef = 0.5;
  double rpo_alpha = 0;    // dpo: weight of an added NLL of the chosen answers
  double rpo_eta = 1;      // scale of the explicit reward gap: dpo rpo_*, una_pair soft, reward soft_label
  double simpo_gamma = 1;  // dpo, loss_type simpo
  double discopop_tau = 0.05;
  std::string una_link = "sigmoid";  // sigmoid | identity
  std::string una_loss = "mse";      // mse | bce | l1 | huber (point and score units; pairs use bce)
  std::string una_f = "auto";        // auto | zero | constant | running | group | shrunk | kto_z0 | ...
  double una_constant = 0;
  double una_huber_delta = 1;
  std::string una_running = "centre";     // centre | match
  double una_running_decay = 0.95;        // per step, of the running sums; 1: never forgets
  std::string una_reward = "raw";         // identity link: raw | score | standardised
  std::string una_pair = "hard";          // hard | soft
  std::string una_binary = "pointwise";   // pointwise | conditional | integrated
  std::string una_mix = "mean";           // mean | likelihood
  std::string una_f_mean = "running";     // una_f shrunk, its m(x): running | value_head
  std::string una_lambda = "auto";        // una_f shrunk: auto | reml | a number in 0..1
  double label_noise = 0;                 // standard deviation of a judge's noise; 0: unknown
  double target_kl = 0;                   // sets beta; 0: beta is given
  double una_beta1 = 0.5;                 // una_f log_partition
  std::string una_quantile = "identity";  // una_f quantile: identity | log | normal
  std::string loss_weights;               // "part=weight,...", over the parts' default N_k / sum N
  double desirable_weight = 1, undesirable_weight = 1;  // kto, and labels of una
  std::string kl_source = "batch";                      // kto: batch | ema | none
  double center_rewards_coefficient = 0;                // reward
  std::string reward_margin = "subtract";               // reward: subtract | soft_label
  double epsilon = 0.2, epsilon_high = 0;               // clip of the ratio to the sampling policy
  std::string una_clip = "sequence";                    // una on own samples: none | sequence | token
  double kl_early_stop = 0, ratio_threshold = 0;        // own samples: limits that withhold a step; 0: none
  bool importance_sampling_correction = false;          // own samples: corrects sampler/trainer differences
  double importance_sampling_cap = 2;
  std::string scale_rewards = "group";          // grpo: group | none
  double vf_coef = 0.1, cliprange_value = 0.2;  // ppo
  std::int64_t max_completion_length = 256;     // own samples; divisor of grpo's dr_grpo
  template <class V>
  void fields(V&& v) {
    v("beta", beta, "scale of the implicit reward beta * log(pi / pi_ref)");
    v("log_ratio_norm", log_ratio_norm,
      "una, dpo, kto: log(pi / pi_ref) of an answer as sum | mean (times the data's mean length)");
    v("loss_type", loss_type,
      "dpo: sigmoid | hinge | ipo | ipo_sum | robust | exo_pair | nca_pair | bco_pair | sppo_hard | apo_zero "
      "| apo_down | aot | aot_unpaired | discopop | sigmoid_norm | rpo_sq | rpo_bwd | rpo_fwd | simpo | "
      "orpo");
    v("label_smoothing", label_smoothing, "pairs of dpo, una, reward: probability that the label is wrong");
    v("f_divergence_type", f_divergence_type,
      "dpo: reverse_kl | forward_kl | js_divergence | alpha_divergence");
    v("f_alpha_divergence_coef", f_alpha_divergence_coef, "dpo, alpha_divergence: its alpha");
    v("rpo_alpha", rpo_alpha, "dpo: weight of the chosen answers' NLL per token, added to the loss; 0: none");
    v("rpo_eta", rpo_eta,
      "scale of a pair's margin (or score gap): dpo rpo_*, una_pair soft, reward soft_label");
    v("simpo_gamma", simpo_gamma, "dpo, simpo: reward margin gamma");
    v("discopop_tau", discopop_tau, "dpo, discopop: temperature of its gate");
    v("una_link", una_link, "una: sigmoid (fit the score) | identity (fit the reward)");
    v("una_loss", una_loss, "una, single answers: mse | bce | l1 | huber");
    v("una_f", una_f,
      "una, the offset f(x): auto (labels: running with match; else zero) | zero | constant | running | group | "
      "shrunk | kto_z0 | log_partition | value_head | quantile");
    v("una_constant", una_constant, "una_f constant: its value");
    v("una_huber_delta", una_huber_delta, "una_loss huber: where it turns linear");
    v("una_running", una_running,
      "una_f running: centre (minus the mean reward) | match (mean residual zero)");
    v("una_running_decay", una_running_decay,
      "decay per step of the sums of una_f running and shrunk, una_reward standardised, una_binary integrated and "
      "una_mix likelihood; 1: never forgets");
    v("una_reward", una_reward,
      "una_link identity fits: raw (the reward as in the file) | score (in 0..1) | standardised (by its "
      "running standard deviation)");
    v("una_pair", una_pair, "una, pairs: hard (the chosen one wins) | soft (sigma of the margin)");
    v("una_binary", una_binary,
      "una, several thumbs to a prompt (--feedback thumbs): pointwise | conditional (on the number of ups, which "
      "removes f) | integrated (f integrated out)");
    v("una_mix", una_mix,
      "una, kinds of feedback together: mean (of their losses) | likelihood (one utility, noise scales fitted)");
    v("una_f_mean", una_f_mean,
      "una_f shrunk, the offset without a group: running (one a source) | value_head");
    v("una_lambda", una_lambda,
      "una_f shrunk, how far a group's own mean is not trusted: auto (by the held-out loss inside prompts, before "
      "the first step) | reml | lambda of two answers, 0 (the mean) to 1 (pointwise)");
    v("label_noise", label_noise,
      "standard deviation of a judge's noise in the unit of the scores (without scores: of the spread within a "
      "prompt), for target_kl and una_mix likelihood; 0: unknown");
    v("target_kl", target_kl,
      "una, dpo, kto on given rows: solves for beta so that the loss's optimum has this KL, in nats per answer; "
      "0: beta as given");
    v("una_beta1", una_beta1, "una_f log_partition: temperature of the estimate, above beta");
    v("una_quantile", una_quantile, "una_f quantile: identity | log | normal, the transformed rank");
    v("loss_weights", loss_weights,
      "una, reward: weights of parts, as pairwise=1,sft=0.1; default: by each part's number of terms");
    v("desirable_weight", desirable_weight, "kto, una: weight of answers labelled good");
    v("undesirable_weight", undesirable_weight, "kto, una: weight of answers labelled bad");
    v("kl_source", kl_source,
      "kto and una_f kto_z0, baseline: batch (mismatched rows of the step) | ema | none");
    v("center_rewards_coefficient", center_rewards_coefficient, "reward: c (r_w + r_l)^2");
    v("reward_margin", reward_margin,
      "reward: a pair's margin is subtract (from the gap) | soft_label (log-odds that chosen is better)");
    v("epsilon", epsilon, "una_online, rloo, grpo, ppo: clip of the probability ratio");
    v("epsilon_high", epsilon_high, "una_online, rloo, grpo: upper clip; 0: as epsilon");
    v("una_clip", una_clip,
      "una_online, later passes over a round: PPO's clip on the ratio of the whole answer (sequence), of each "
      "token, or none");
    v("kl_early_stop", kl_early_stop,
      "own samples: a step whose approximate KL to the sampling policy (nats per token) exceeds this ends the "
      "round; 0: never");
    v("ratio_threshold", ratio_threshold,
      "own samples: a step whose mean token ratio exceeds this is skipped; 0: never");
    v("importance_sampling_correction", importance_sampling_correction,
      "own samples: weight by min(trainer's / sampler's probability, importance_sampling_cap)");
    v("importance_sampling_cap", importance_sampling_cap, "cap of importance_sampling_correction");
    v("scale_rewards", scale_rewards, "grpo: group (divide by the group's standard deviation) | none");
    v("vf_coef", vf_coef, "ppo: weight of the value loss");
    v("cliprange_value", cliprange_value, "ppo: how far a value may move from the old one");
    v("max_completion_length", max_completion_length, "online methods: longest sampled answer in tokens");
  }
};

}  // namespace una::objective
