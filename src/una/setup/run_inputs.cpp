#include "una/setup/run_inputs.h"

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/rows/files/input_files.h"

namespace una::setup {
namespace {

void append(std::vector<std::string>& to, const std::vector<std::string>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

// Files that are not there are told when they are read, with the key that names them.
void append_rows(std::vector<std::string>& to, const rows::DataOptions& options) {
  try {
    append(to, rows::input_files(options));
  } catch (const InputError&) { return; }
}

}  // namespace

std::vector<std::string> reward_inputs(const std::vector<std::string>& rewards) {
  std::vector<std::string> out;
  for (const std::string& reward : rewards) {
    const std::vector<std::string> parts = split(reward, ':');
    // A pattern is not a path, although regex:. could be one.
    if (parts[0] == "regex" || parts[0] == "length" || parts[0] == "http" || parts[0] == "https") {
      continue;
    }
    out.insert(out.end(), parts.begin() + 1, parts.end());
  }
  return out;
}

std::vector<std::string> run_inputs(const RunConfig& config) {
  std::vector<std::string> out = {config.model.model_name_or_path, config.model.adapter,
                                  config.model.ref_model, config.online.critic_from};
  // A run's own run.yaml is read as a whole before anything is moved, and written again.
  const std::string own = config.run.output_dir + "/run.yaml";
  const bool is_own = !config.config_file.empty() && absolute_path(config.config_file) == absolute_path(own);
  if (!is_own) { out.push_back(config.config_file); }
  append_rows(out, config.data);
  if (const std::optional<rows::DataOptions> held_out = eval_options(config)) { append_rows(out, *held_out); }
  append(out, config.online.offline_data);
  append(out, config.held_out.eval_generate_data);
  append(out, reward_inputs(config.online.reward));
  append(out, reward_inputs(config.held_out.eval_reward));
  return out;
}

}  // namespace una::setup
