#include <cmath>

#include "una/report/run_log.h"

namespace una::report {
namespace {

using SortedJson = nlohmann::json;  // Hugging Face writes this file with sorted keys

SortedJson number(double value) { return std::isfinite(value) ? SortedJson(value) : SortedJson(); }

SortedJson whole_or_number(double value) {
  return value == std::floor(value) && std::abs(value) < 1e15 ? SortedJson(static_cast<std::int64_t>(value))
                                                              : number(value);
}

SortedJson log_history(const std::vector<LogRow>& history) {
  SortedJson rows = SortedJson::array();
  for (const LogRow& row : history) {
    SortedJson json = {{"step", row.step}, {"epoch", row.epoch}};
    for (const auto& [name, value] : row.values) { json[name] = number(value); }
    rows.push_back(std::move(json));
  }
  return rows;
}

SortedJson trainer_control(const TrainerState& state) {
  const SortedJson arguments = {{"should_epoch_stop", false},
                                {"should_evaluate", false},
                                {"should_log", false},
                                {"should_save", true},
                                {"should_training_stop", state.global_step >= state.max_steps}};
  return {{"TrainerControl", {{"args", arguments}, {"attributes", SortedJson::object()}}}};
}

}  // namespace

std::string print_trainer_state(const TrainerState& state, const std::vector<LogRow>& history) {
  SortedJson json;
  json["best_global_step"] = state.has_best ? SortedJson(state.best_global_step) : SortedJson();
  json["best_metric"] = state.has_best ? number(state.best_metric) : SortedJson();
  json["best_model_checkpoint"] = state.has_best ? SortedJson(state.best_model_checkpoint) : SortedJson();
  json["epoch"] = state.epoch;
  json["eval_steps"] = state.eval_steps;
  json["global_step"] = state.global_step;
  json["is_hyper_param_search"] = false;
  json["is_local_process_zero"] = true;
  json["is_world_process_zero"] = true;
  json["log_history"] = log_history(history);
  json["logging_steps"] = state.logging_steps;
  json["max_steps"] = state.max_steps;
  json["num_input_tokens_seen"] = state.num_input_tokens_seen;
  json["num_train_epochs"] = whole_or_number(state.num_train_epochs);
  json["save_steps"] = state.save_steps;
  json["stateful_callbacks"] = trainer_control(state);
  json["total_flos"] = 0.0;
  json["train_batch_size"] = state.train_batch_size;
  json["trial_name"] = nullptr;
  json["trial_params"] = nullptr;
  return json.dump(2, ' ', false, SortedJson::error_handler_t::replace) + "\n";
}

}  // namespace una::report
