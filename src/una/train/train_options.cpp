#include "una/train/train_options.h"

#include <cmath>

#include "una/base/error.h"
#include "una/base/option_checks.h"

namespace una::train {
namespace {

void check_counts(const TrainOptions& o) {
  check_count("per_device_train_batch_size", o.per_device_train_batch_size, 1);
  check_count("per_device_eval_batch_size", o.per_device_eval_batch_size, 1);
  check_count("gradient_accumulation_steps", o.gradient_accumulation_steps, 1);
  check_input(o.per_device_train_batch_size <= kLargestCount / o.gradient_accumulation_steps,
              "per_device_train_batch_size times gradient_accumulation_steps is more than ", kLargestCount,
              " rows per step");
  check_count("max_steps", o.max_steps, 0);
  check_count("max_tokens_per_micro_batch", o.max_tokens_per_micro_batch, 1);
  check_count("warmup_steps", o.warmup_steps, 0);
  check_count("skip_nonfinite", o.skip_nonfinite, 0);
  check_count("logging_steps", o.logging_steps, 1);
  check_count("eval_steps", o.eval_steps, 0);
  check_input(o.save_steps >= 1, "save_steps must be 1 or more (save_strategy: no saves none)");
  check_count("save_steps", o.save_steps, 1);
  check_count("save_total_limit", o.save_total_limit, 0);
  check_count("early_stopping_patience", o.early_stopping_patience, 0);
}

void check_rates(const TrainOptions& o) {
  check_not_negative("learning_rate", o.learning_rate);
  check_not_negative("value_learning_rate", o.value_learning_rate);
  check_not_negative("num_train_epochs", o.num_train_epochs);
  check_input(o.max_steps > 0 || o.num_train_epochs > 0,
              "either max_steps or num_train_epochs must be above 0");
  check_share("warmup_ratio", o.warmup_ratio);
  check_share("min_lr_ratio", o.min_lr_ratio);
  check_not_negative("weight_decay", o.weight_decay);
  check_input(o.adam_beta1 >= 0 && o.adam_beta1 < 1 && o.adam_beta2 >= 0 && o.adam_beta2 < 1,
              "adam_beta1 and adam_beta2 must be in [0, 1)");
  check_input(o.adam_epsilon > 0, "adam_epsilon must be above 0");
  const double balance = o.router_aux_loss_coef.value_or(0);
  check_input(balance >= 0 && std::isfinite(balance), "router_aux_loss_coef must be 0 or positive, not ",
              balance);
  check_input(o.max_grad_norm >= 0 && std::isfinite(o.max_grad_norm),
              "max_grad_norm must be 0 (never clip) or positive, not ", o.max_grad_norm);
  check_not_negative("early_stopping_threshold", o.early_stopping_threshold);
  check_input(o.kl_budget >= 0, "kl_budget must be 0 (none) or positive, in nats per answer");
}

}  // namespace

void check_options(const TrainOptions& o) {
  check_counts(o);
  check_rates(o);
  check_choice("lr_scheduler_type", o.lr_scheduler_type,
               {"linear", "cosine", "constant", "constant_with_warmup", "cosine_with_min_lr"});
  check_choice("optim", o.optim, {"adamw", "adamw_torch", "adamw_torch_fused"});
  check_choice("eval_strategy", o.eval_strategy, {"auto", "steps", "epoch", "no"});
  check_choice("save_strategy", o.save_strategy, {"steps", "epoch", "no"});
}

void check_evaluation(const TrainOptions& o, bool has_evaluations) {
  const char* remedy =
      " needs evaluation rows: give --eval_fraction 0.1 or --eval_data FILE (or --eval_generate_data FILE, prompts "
      "that the policy answers)";
  check_input(has_evaluations || o.eval_strategy == "auto" || o.eval_strategy == "no", "eval_strategy ",
              o.eval_strategy, remedy);
  check_input(has_evaluations || o.eval_steps == 0 || o.eval_strategy == "no", "eval_steps ", o.eval_steps,
              remedy);
  check_input(has_evaluations || !o.load_best_model_at_end, "load_best_model_at_end", remedy);
  check_input(has_evaluations || o.early_stopping_patience == 0, "early_stopping_patience", remedy);
  check_input(o.early_stopping_threshold == 0 || o.early_stopping_patience > 0,
              "early_stopping_threshold means nothing without early_stopping_patience");
  const char* key = o.load_best_model_at_end ? "load_best_model_at_end" : "early_stopping_patience";
  check_input(o.eval_strategy != "no" || (!o.load_best_model_at_end && o.early_stopping_patience == 0), key,
              " needs evaluations, and eval_strategy no makes none");
}

}  // namespace una::train
