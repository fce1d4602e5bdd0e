#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "una/base/options.h"

namespace una::train {

// The loop's keys, with Hugging Face's names.
struct TrainOptions {
  std::int64_t per_device_train_batch_size = 8;  // rows; a pair or a group counts as one
  std::int64_t per_device_eval_batch_size = 8;
  std::int64_t gradient_accumulation_steps = 1;
  double num_train_epochs = 1;
  std::int64_t max_steps = 0;  // > 0 overrides num_train_epochs
  std::int64_t max_tokens_per_micro_batch = 2048;
  bool prefix_sharing = true;
  bool shuffle = true;
  double learning_rate = 1e-6;
  double value_learning_rate = 1e-4;
  std::string lr_scheduler_type = "linear";
  double warmup_ratio = 0;
  std::int64_t warmup_steps = 0;  // > 0 overrides warmup_ratio
  double min_lr_ratio = 0.1;
  std::string optim = "adamw";
  double weight_decay = 0;
  double adam_beta1 = 0.9, adam_beta2 = 0.999, adam_epsilon = 1e-8;
  double max_grad_norm = 1;
  bool output_router_logits = false;
  std::optional<double> router_aux_loss_coef;
  std::int64_t skip_nonfinite = 0;
  std::int64_t seed = 42;
  std::optional<std::int64_t> data_seed;
  bool gradient_checkpointing = false;
  bool disable_dropout = true;
  std::int64_t logging_steps = 10;
  std::string eval_strategy = "auto";
  std::int64_t eval_steps = 0;
  std::string save_strategy = "steps";
  std::int64_t save_steps = 500;
  std::int64_t save_total_limit = 3;
  bool save_only_model = false;
  bool load_best_model_at_end = false;
  std::string metric_for_best_model = "eval_loss";
  double kl_budget = 0;
  std::optional<bool> greater_is_better;
  std::int64_t early_stopping_patience = 0;
  double early_stopping_threshold = 0;

  template <class V>
  void fields(V&& v) {
    v("per_device_train_batch_size", per_device_train_batch_size,
      "rows per step and device; a pair or group is one row");
    v("per_device_eval_batch_size", per_device_eval_batch_size, "rows per evaluation batch");
    v("gradient_accumulation_steps", gradient_accumulation_steps, "multiplies the rows of a step");
    v("num_train_epochs", num_train_epochs, "passes over the data");
    v("max_steps", max_steps, "stop after this many optimiser steps; 0: by num_train_epochs");
    v("max_tokens_per_micro_batch", max_tokens_per_micro_batch, "token budget of one forward and backward");
    v("prefix_sharing", prefix_sharing, "compute a prompt once for all its responses");
    v("shuffle", shuffle, "seeded order of rows; false: file order");
    v("learning_rate", learning_rate, "peak learning rate");
    v("value_learning_rate", value_learning_rate, "una_f value_head: peak learning rate of the head");
    v("lr_scheduler_type", lr_scheduler_type,
      "linear | cosine | constant | constant_with_warmup | cosine_with_min_lr");
    v("warmup_ratio", warmup_ratio, "share of the steps that warm up");
    v("warmup_steps", warmup_steps, "steps that warm up; overrides warmup_ratio");
    v("min_lr_ratio", min_lr_ratio, "cosine_with_min_lr: the end, as a share of the peak");
    v("optim", optim, "adamw (fp32 state)");
    v("weight_decay", weight_decay, "decoupled; not on norms and biases");
    v("adam_beta1", adam_beta1, "AdamW beta 1");
    v("adam_beta2", adam_beta2, "AdamW beta 2");
    v("adam_epsilon", adam_epsilon, "AdamW epsilon");
    v("max_grad_norm", max_grad_norm, "clip the global gradient norm; 0: never");
    v("output_router_logits", output_router_logits,
      "add a mixture of experts' load-balancing loss (also where config.json has it)");
    v("router_aux_loss_coef", router_aux_loss_coef, "that loss's weight; null: config.json's");
    v("skip_nonfinite", skip_nonfinite, "steps with a non-finite loss or gradient that may be skipped");
    v("seed", seed, "of adapters, dropout and, without data_seed, the order of rows");
    v("data_seed", data_seed, "of the order of rows");
    v("gradient_checkpointing", gradient_checkpointing, "keep one activation per layer, recompute the rest");
    v("disable_dropout", disable_dropout, "no LoRA dropout (preference methods compare two passes)");
    v("logging_steps", logging_steps, "steps between log rows");
    v("eval_strategy", eval_strategy, "auto (steps where evaluation rows are given) | steps | epoch | no");
    v("eval_steps", eval_steps, "steps between evaluations; 0: as logging, at most ten per run");
    v("save_strategy", save_strategy, "steps | epoch | no");
    v("save_steps", save_steps, "steps between checkpoints");
    v("save_total_limit", save_total_limit, "checkpoints kept (the best is always kept); 0: all");
    v("save_only_model", save_only_model, "checkpoints without optimiser state (cannot be resumed)");
    v("load_best_model_at_end", load_best_model_at_end, "write the best checkpoint's weights as the result");
    v("metric_for_best_model", metric_for_best_model, "any logged evaluation metric");
    v("kl_budget", kl_budget,
      "evaluations of own answers: one whose eval_kl (nats per answer) is above this is neither the best nor an "
      "improvement; 0: any may be");
    v("greater_is_better", greater_is_better, "null: by the metric's name (loss down, others up)");
    v("early_stopping_patience", early_stopping_patience,
      "end the run after this many evaluations in a row that do not improve metric_for_best_model; 0: never");
    v("early_stopping_threshold", early_stopping_threshold,
      "what counts as an improvement is more than this");
  }
};

// InputError for values that make no sense, alone or together.
void check_options(const TrainOptions& options);
// InputError for keys that need evaluations where the run has nothing to evaluate: no rows, prompts or tasks.
void check_evaluation(const TrainOptions& options, bool has_evaluations);

}  // namespace una::train
