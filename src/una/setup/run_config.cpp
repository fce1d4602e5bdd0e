#include "una/setup/run_config.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <set>
#include <utility>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/files/output_folder.h"
#include "una/base/format.h"
#include "una/base/log.h"
#include "una/containers/split.h"
#include "una/hub/cache.h"
#include "una/setup/methods.h"
#include "una/setup/peer_keys.h"
#include "una/setup/ppo_preset.h"
#include "una/setup/run_folder.h"
#include "una/setup/standard_input.h"

namespace una::setup {

RunConfig default_config(const std::string& method) {
  const Method& entry = find_method(method);
  RunConfig config;
  config.method = method;
  config.train.num_train_epochs = 3;
  if (entry.online) { config.train.metric_for_best_model = "eval_reward"; }
  entry.defaults(config);
  return config;
}

std::uint64_t RunConfig::order_seed() const {
  return static_cast<std::uint64_t>(train.data_seed.value_or(train.seed));
}

std::int64_t RunConfig::rows_per_step() const {
  return train.per_device_train_batch_size * train.gradient_accumulation_steps;
}

const std::map<std::string, std::string>& option_aliases() {
  static const std::map<std::string, std::string> kAliases = {
      {"model", "model_name_or_path"},      {"data", "dataset_name"},       {"out", "output_dir"},
      {"resume", "resume_from_checkpoint"}, {"train_file", "dataset_name"}, {"eval_dataset", "eval_data"},
      {"nproc_per_node", "nproc"},
  };
  return kAliases;
}

std::optional<rows::DataOptions> eval_options(const RunConfig& config) {
  const std::string& split = config.run.dataset_test_split;
  rows::DataOptions options = config.data;
  options.dataset_train_split = split;
  if (!config.run.eval_data.empty()) {
    options.dataset_name = config.run.eval_data;
  } else if (containers::is_whole(split)) {
    return std::nullopt;
  }
  return options;
}

bool may_change_on_resume(const std::string& key) {
  static const std::vector<std::string> kFree = {"max_steps",
                                                 "num_train_epochs",
                                                 "logging_steps",
                                                 "save_steps",
                                                 "save_strategy",
                                                 "save_total_limit",
                                                 "eval_steps",
                                                 "eval_strategy",
                                                 "save_only_model",
                                                 "resume_from_checkpoint",
                                                 "output_dir",
                                                 "report_to",
                                                 "logging_dir",
                                                 "dry_run",
                                                 "reference_cache_dir",
                                                 "reference_cache_gb",
                                                 "dataset_cache_dir",
                                                 "dataset_cache_gb",
                                                 "score_fit",
                                                 "threads",
                                                 "overwrite_output_dir",
                                                 "self_check",
                                                 "skip_nonfinite",
                                                 "save_merged",
                                                 "per_device_eval_batch_size",
                                                 "precompute_ref_log_probs",
                                                 "allow_dropped",
                                                 "metric_for_best_model",
                                                 "greater_is_better",
                                                 "load_best_model_at_end",
                                                 "kl_budget",
                                                 "early_stopping_patience",
                                                 "early_stopping_threshold",
                                                 "sampling_endpoint",
                                                 "sampling_model",
                                                 "sampling_sync_command",
                                                 "sampling_api_key_env",
                                                 "sampling_concurrency",
                                                 "sampling_timeout"};
  return std::find(kFree.begin(), kFree.end(), key) != kFree.end();
}

OptionHelp download_key() {
  return {"download", "false",
          "fetch models named org/name[@revision] that the Hugging Face cache lacks (HF_TOKEN, HF_ENDPOINT)",
          detail::FieldKind::kBool};
}

void apply_download_key(Settings& settings) {
  const Setting* given = settings.find("download");
  if (given == nullptr) { return; }
  bool allowed = false;
  detail::parse_field(*given, allowed);
  hub::allow_downloads(allowed);
  settings.erase("download");
}

OptionHelp config_key() { return {"config", "", "a YAML file of these keys", detail::FieldKind::kValue}; }

Settings read_config_file(const std::string& path, const std::map<std::string, std::string>& aliases) {
  // It may be a run's own record, in a folder in which a kill left two runs.
  recover_output_folder(std::filesystem::path(absolute_path(path)).parent_path().string(), has_run_result);
  const Settings file = read_yaml_settings(path);
  Settings settings;
  for (const auto& [key, value] : file.all()) {
    const auto alias = aliases.find(key);
    const std::string& name = alias == aliases.end() ? key : alias->second;
    check_input(alias == aliases.end() || !file.has(name), value.origin, ": the same key as ", name,
                ", which the file also has; keep one");
    settings.set(name, value);
  }
  return settings;
}

namespace {

std::string named(std::vector<std::string> places) {
  constexpr std::size_t kShown = 5;
  const std::size_t more = places.size() - std::min(places.size(), kShown);
  places.resize(std::min(places.size(), kShown));
  return more == 0 ? join(places, ", ") : cat(join(places, ", "), " and ", more, " more");
}

}  // namespace

void check_keys(const Settings& settings, const std::vector<OptionHelp>& known) {
  Settings ours;
  std::vector<std::string> passed;
  for (const auto& [key, value] : settings.all()) {
    const bool is_ours =
        std::any_of(known.begin(), known.end(), [&](const OptionHelp& option) { return option.name == key; });
    if (!is_ours && asks_for_nothing(key, value)) {
      if (std::find(passed.begin(), passed.end(), value.origin) == passed.end()) {
        passed.push_back(value.origin);
      }
    } else {
      ours.set(key, value);
    }
  }
  check_known(ours, known, foreign_names());
  if (!passed.empty()) {
    log_warning(cat(named(passed), ": of other programs, without effect here: passed over"));
  }
}

RunConfig read_run_config(const std::vector<std::string>& arguments, const std::string& method) {
  Settings none;
  return read_run_config(arguments, method, {}, none);
}

namespace {

// Flags over --config, checked against the keys of a run and the command's own.
Settings read_all(const std::vector<std::string>& arguments, const std::vector<OptionHelp>& own,
                  std::string& config_file) {
  RunConfig defaults;
  std::vector<OptionHelp> known = describe_options(defaults);
  known.insert(known.end(), own.begin(), own.end());
  known.push_back(config_key());
  known.push_back(download_key());
  Settings flags = parse_flags(arguments, known, option_aliases(), nullptr), settings;
  if (const Setting* file = flags.find("config")) {
    config_file = file->text;
    settings = read_config_file(file->text, option_aliases());
    flags.erase("config");
  }
  settings.merge(flags);
  translate_peer_values(settings);
  apply_download_key(settings);
  check_keys(settings, known);
  return settings;
}

std::string method_of(const Settings& settings, const std::string& command) {
  const Setting* setting = settings.find("method");
  if (setting == nullptr) { return command.empty() ? "una" : command; }
  check_input(command.empty() || setting->text == command, setting->origin, ": the command is ", command,
              ", but method is '", setting->text, "'");
  return setting->text;
}

// bf16 is another word for dtype bfloat16, and must not contradict it.
void apply_bf16(const Settings& settings, RunConfig& config) {
  if (!config.model.bf16) { return; }
  check_input(!settings.has("dtype") || config.model.dtype == "bfloat16" || config.model.dtype == "auto",
              "bf16 and dtype ", config.model.dtype, " contradict each other; keep one");
  config.model.dtype = "bfloat16";
}

}  // namespace

RunConfig read_run_config(const std::vector<std::string>& arguments, const std::string& method,
                          const CommandKeys& keys, Settings& own_settings) {
  std::string config_file;
  Settings settings = read_all(arguments, keys.own, config_file);
  for (const OptionHelp& option : keys.own) {
    if (const Setting* setting = settings.find(option.name)) { own_settings.set(option.name, *setting); }
  }
  RunConfig config = default_config(method_of(settings, method));
  const std::string name = config.method;
  drop_own_loss(name, settings);
  if (const Setting* preset = settings.find("ppo_preset")) { apply_ppo_preset(preset->text, config); }
  read_options(settings, config);
  hub::resolve_all(config.model);
  hub::resolve_all(config.online);
  config.config_file = config_file;
  config.method = name;
  check_keys_read(settings, config, keys.also);
  for (const std::vector<std::string>* names :
       {&config.data.dataset_name, &config.run.eval_data, &config.online.offline_data}) {
    check_no_standard_input(*names);
  }
  apply_bf16(settings, config);
  config.data.mixture_seed = config.order_seed();
  return config;
}

std::string print_changed(const RunConfig& config) {
  const std::vector<OptionHelp> now = describe_options(config);
  const std::vector<OptionHelp> defaults = describe_options(default_config(config.method));
  std::string out = cat("method: ", config.method, "\n");
  for (std::size_t i = 0; i < now.size(); ++i) {
    if (now[i].fallback != defaults[i].fallback) { out += cat(now[i].name, ": ", now[i].fallback, "\n"); }
  }
  return out;
}

namespace {

void make_absolute(std::string& path) {
  if (!path.empty()) { path = absolute_path(path); }
}

void make_absolute_unless(std::string& path, const std::vector<std::string>& words) {
  if (std::find(words.begin(), words.end(), path) == words.end()) { make_absolute(path); }
}

// model:FOLDER, judge:FILE, implicit:POLICY[:REFERENCE]; rules and addresses stay as they are.
void make_reward_absolute(std::string& name) {
  std::vector<std::string> parts = split(name, ':');
  static const std::vector<std::string> kWithPaths = {"model", "judge", "implicit", "implicit_mean"};
  if (std::find(kWithPaths.begin(), kWithPaths.end(), parts[0]) == kWithPaths.end()) { return; }
  for (std::size_t i = 1; i < parts.size(); ++i) { make_absolute(parts[i]); }
  name = join(parts, ":");
}

}  // namespace

RunConfig with_absolute_paths(RunConfig config) {
  const bool by_entries = !config.data.dataset_dir.empty();  // dataset_name holds names, not files
  for (std::vector<std::string>* files : {&config.data.dataset_name, &config.run.eval_data,
                                          &config.online.offline_data, &config.held_out.eval_generate_data}) {
    for (std::string& file : *files) {
      if (!by_entries) { make_absolute_unless(file, {"-"}); }
    }
  }
  for (std::string* path :
       {&config.model.model_name_or_path, &config.model.adapter, &config.model.ref_model,
        &config.data.dataset_dir, &config.data.score_fit, &config.run.output_dir, &config.run.logging_dir,
        &config.online.critic_from, &config.held_out.eval_tasks_dir}) {
    make_absolute(*path);
  }
  // A chat template may be a name instead of a file.
  if (is_file(config.data.chat_template_path)) { make_absolute(config.data.chat_template_path); }
  make_absolute_unless(config.run.resume_from_checkpoint, {"true", "false", "auto"});
  make_absolute_unless(config.run.reference_cache_dir, {"auto", "none"});
  make_absolute_unless(config.data.dataset_cache_dir, {"auto", "none"});
  for (std::vector<std::string>* rewards : {&config.online.reward, &config.held_out.eval_reward}) {
    for (std::string& reward : *rewards) { make_reward_absolute(reward); }
  }
  return config;
}

}  // namespace una::setup
