#include "una/recipe/shell/help.h"

#include <algorithm>
#include <cstdlib>
#include <map>

#include <sys/ioctl.h>
#include <unistd.h>

#include "una/base/format.h"

namespace una::recipe {
namespace {

constexpr std::size_t kColumn = 34;  // where the explanation of a key begins

// The groups in the order of --help.
constexpr const char* kCommand = "command";
constexpr const char* kModel = "model";
constexpr const char* kAdapter = "adapter";
constexpr const char* kData = "data";
constexpr const char* kSamples = "sampling and rewards";
constexpr const char* kLoss = "loss";
constexpr const char* kSchedule = "schedule";
constexpr const char* kEvaluation = "evaluation";
constexpr const char* kOutput = "output";
constexpr const char* kRanks = "several ranks";
constexpr const char* kTitles[] = {kCommand, kModel,    kAdapter,    kData,   kSamples,
                                   kLoss,    kSchedule, kEvaluation, kOutput, kRanks};

// Keys whose theme is not that of the struct that declares them.
const std::map<std::string, const char*>& exceptions() {
  static const std::map<std::string, const char*> kGroups = {
      {"model_name_or_path", kModel},
      {"ref_model", kModel},
      {"dtype", kModel},
      {"bf16", kModel},
      {"device", kModel},
      {"threads", kModel},
      {"reference_cache_dir", kModel},
      {"reference_cache_gb", kModel},
      {"precompute_ref_log_probs", kModel},
      {"per_device_eval_batch_size", kEvaluation},
      {"eval_strategy", kEvaluation},
      {"eval_steps", kEvaluation},
      {"load_best_model_at_end", kEvaluation},
      {"metric_for_best_model", kEvaluation},
      {"greater_is_better", kEvaluation},
      {"kl_budget", kEvaluation},
      {"eval_data", kEvaluation},
      {"dataset_test_split", kEvaluation},
      {"eval_fraction", kEvaluation},
      {"self_check", kEvaluation},
      {"logging_steps", kOutput},
      {"save_strategy", kOutput},
      {"save_steps", kOutput},
      {"save_total_limit", kOutput},
      {"save_only_model", kOutput},
      {"max_completion_length", kSamples},
      {"save_before", kSchedule},
      {"stop_at_step", kSchedule},
      {"nproc", kRanks},
      {"nnodes", kRanks},
      {"node_rank", kRanks},
      {"master_addr", kRanks},
      {"master_port", kRanks},
      {"ddp_timeout", kRanks},
      {"zero_stage", kRanks},
  };
  return kGroups;
}

// Wrapped between words; lines after the first begin at `indent`.
std::string wrapped(const std::string& text, std::size_t indent, std::size_t width) {
  const std::size_t room = std::max<std::size_t>(width > indent ? width - indent : 0, 24);
  std::string out;
  std::size_t used = 0;
  for (const std::string& word : split(text, ' ')) {
    if (used > 0 && used + 1 + word.size() > room) {
      out += "\n" + std::string(indent, ' ');
      used = 0;
    } else if (used > 0) {
      out += ' ';
      ++used;
    }
    out += word;
    used += word.size();
  }
  return out;
}

std::string option_lines(const OptionHelp& option, std::size_t width) {
  std::string line = "  --" + option.name;
  line.resize(std::max<std::size_t>(line.size() + 1, kColumn), ' ');
  const std::string text = has_default(option) ? cat(option.help, " [", option.fallback, "]") : option.help;
  return line + wrapped(text, kColumn, width) + "\n";
}

}  // namespace

bool has_default(const OptionHelp& option) {
  return !option.fallback.empty() && option.fallback != "\"\"" && option.fallback != "[]";
}

std::string help_text(const HelpPage& page, std::size_t width) {
  std::string text = page.usage + "\n";
  for (const HelpGroup& group : page.groups) {
    if (group.options.empty()) { continue; }
    text += cat("\n", group.title, "\n");
    for (const OptionHelp& option : group.options) { text += option_lines(option, width); }
  }
  return text;
}

std::size_t terminal_width() {
  constexpr std::size_t kPlain = 110, kNarrow = 60;
  winsize size{};
  if (::isatty(STDOUT_FILENO) != 1 || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) { return kPlain; }
  return size.ws_col == 0 ? kPlain : std::max<std::size_t>(size.ws_col, kNarrow);
}

std::vector<HelpGroup> run_groups(const setup::Method& method, bool all, const std::vector<OptionHelp>& own,
                                  const std::vector<std::string>& also) {
  std::map<std::string, std::vector<OptionHelp>> by_title;
  const auto put = [&](const char* title, const OptionHelp& option) {
    const auto other = exceptions().find(option.name);
    by_title[other == exceptions().end() ? title : other->second].push_back(option);
  };
  const auto add = [&](const char* title, const std::vector<OptionHelp>& options) {
    for (const OptionHelp& option : options) {
      const bool is_also = std::find(also.begin(), also.end(), option.name) != also.end();
      if (all || is_also || setup::reads_key(method, option.name)) { put(title, option); }
    }
  };
  const setup::RunConfig config = setup::default_config(method.name);
  put(kModel, setup::download_key());
  add(kAdapter, describe_options(config.model));
  add(kData, describe_options(config.data));
  add(kLoss, describe_options(config.objective));
  add(kSchedule, describe_options(config.train));
  add(kOutput, describe_options(config.run));
  add(kSamples, describe_options(config.online));
  add(kEvaluation, describe_options(config.held_out));
  for (const OptionHelp& option : own) { put(kCommand, option); }
  std::vector<HelpGroup> groups;
  for (const char* title : kTitles) { groups.push_back({title, std::move(by_title[title])}); }
  return groups;
}

}  // namespace una::recipe
