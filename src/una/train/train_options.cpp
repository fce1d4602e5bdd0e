#include "una/train/train_options.h"

#include <array>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/train/schedule.h"

namespace una::train {
namespace {

void check_choice(const char* key, const std::string& value, std::initializer_list<const char*> choices) {
  std::vector<std::string> names;
  for (const char* choice : choices) {
    if (value == choice) { return; }
    names.emplace_back(choice);
  }
  throw InputError(cat(key, ": '", value, "' is unknown, choose one of ", join(names, ", ")));
}

// Counts are multiplied with one another: the bound keeps the products within 64 bits.
void check_count(const char* key, std::int64_t value) {
  constexpr std::int64_t kMost = std::int64_t{1} << 20;
  check_input(value >= 1 && value <= kMost, key, " must be 1 or more, at most ", thousands(kMost), "; it is ",
              value);
}

}  // namespace

void check_options(const TrainOptions& o) {
  check_count("per_device_train_batch_size", o.per_device_train_batch_size);
  check_count("per_device_eval_batch_size", o.per_device_eval_batch_size);
  check_count("gradient_accumulation_steps", o.gradient_accumulation_steps);
  check_input(o.max_steps > 0 || o.num_train_epochs > 0,
              "either max_steps or num_train_epochs must be above 0");
  check_input(o.max_tokens_per_micro_batch > 0, "max_tokens_per_micro_batch must be 1 or more");
  check_input(o.learning_rate >= 0, "learning_rate must not be negative");
  check_input(o.value_learning_rate >= 0, "value_learning_rate must not be negative");
  check_input(o.warmup_ratio >= 0 && o.warmup_ratio <= 1, "warmup_ratio must lie in [0, 1]");
  check_input(o.logging_steps > 0, "logging_steps must be 1 or more");
  check_input(o.save_steps > 0, "save_steps must be 1 or more (save_strategy: no saves none)");
  check_input(o.adam_beta1 >= 0 && o.adam_beta1 < 1 && o.adam_beta2 >= 0 && o.adam_beta2 < 1,
              "adam_beta1 and adam_beta2 must lie in [0, 1)");
  check_input(o.adam_epsilon > 0, "adam_epsilon must be above 0");
  check_input(o.kl_budget >= 0, "kl_budget must be 0 (none) or positive, in nats an answer");
  check_choice("lr_scheduler_type", o.lr_scheduler_type,
               {"linear", "cosine", "constant", "constant_with_warmup", "cosine_with_min_lr"});
  check_choice("optim", o.optim, {"adamw", "adamw_torch", "adamw_torch_fused"});
  check_choice("eval_strategy", o.eval_strategy, {"auto", "steps", "epoch", "no"});
  check_choice("save_strategy", o.save_strategy, {"steps", "epoch", "no"});
}

}  // namespace una::train
