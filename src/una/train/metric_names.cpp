#include "una/train/metric_names.h"

#include <algorithm>

#include "una/base/error.h"
#include "una/base/format.h"

namespace una::train {

const std::vector<std::string>& evaluation_metrics() {
  static const std::vector<std::string> names = {"loss",
                                                 "loss_variance",
                                                 "nll_loss",
                                                 "aux_loss",
                                                 "entropy",
                                                 "mean_token_accuracy",
                                                 "kl",
                                                 "kl_per_token",
                                                 "clip_ratio",
                                                 "rewards/chosen",
                                                 "rewards/rejected",
                                                 "rewards/margins",
                                                 "rewards/accuracies",
                                                 "rewards/mean",
                                                 "logps/chosen",
                                                 "logps/rejected",
                                                 "logits/chosen",
                                                 "logits/rejected",
                                                 "log_ratio",
                                                 "log_ratio_per_token",
                                                 "log_ratio/ref",
                                                 "log_ratio/policy",
                                                 "log_mean_exp_ratio/ref",
                                                 "accuracy",
                                                 "margin",
                                                 "mean_reward",
                                                 "max_reward",
                                                 "min_reward",
                                                 "reward",
                                                 "reward_std",
                                                 "win_rate",
                                                 "win_rate_low",
                                                 "win_rate_high",
                                                 "win_rate_missing",
                                                 "length",
                                                 "completions/mean_length",
                                                 "completions/clipped_ratio",
                                                 "reward/failed_ratio",
                                                 "reward_length_corr",
                                                 "frac_reward_zero_std",
                                                 "runtime",
                                                 "samples_per_second",
                                                 "steps_per_second"};
  return names;
}

void check_metric_name(const std::string& name, const std::vector<std::string>& tasks) {
  const std::string bare = starts_with(name, "eval_") ? name.substr(5) : name;
  const std::vector<std::string>& known = evaluation_metrics();
  const bool own = starts_with(bare, "una/") || starts_with(bare, "loss/");
  const bool of_task = std::any_of(tasks.begin(), tasks.end(),
                                   [&](const std::string& task) { return starts_with(bare, task + "_"); });
  check_input(own || of_task || std::find(known.begin(), known.end(), bare) != known.end(),
              "metric_for_best_model: '", name, "' is not a metric of any evaluation; there are ",
              join(known, ", "),
              ", una/... and loss/... of the methods that log them, and TASK_METRIC of eval_tasks");
}

}  // namespace una::train
