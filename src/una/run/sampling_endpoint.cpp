// The server that samples for an online run, and how it gets the policy's weights.
#include <algorithm>
#include <filesystem>
#include <memory>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/hash.h"
#include "una/base/log.h"
#include "una/base/os/shell_command.h"
#include "una/rollout/endpoint.h"
#include "una/run/online_setup.h"

namespace una::run {
namespace {

void run_command(const online::OnlineOptions& options, const std::string& folder) {
  std::string line = options.sampling_sync_command;
  const std::string place = online::kAdapterPlace;
  for (std::size_t at = 0; (at = line.find(place, at)) != std::string::npos;) {
    line.replace(at, place.size(), shell_quoted(folder));
    at += shell_quoted(folder).size();
  }
  const ShellResult result =
      run_shell_command(line, {.what = "sampling_sync_command", .time_limit = options.sampling_sync_timeout});
  check_input(result.exit_code == 0, "sampling_sync_command ended with exit code ", result.exit_code, ": ",
              line);
}

// Hash of the weights in the folder.
std::string weights_hash(const std::string& folder) {
  Hasher hasher;
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".safetensors") { names.push_back(entry.path().string()); }
  }
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) { hasher.add(MappedFile(name).bytes()); }
  return hasher.hex();
}

// Writes the policy and runs the command, when the weights are not those that the server has; their hash.
class Synchroniser {
 public:
  Synchroniser(const setup::RunConfig& config, const setup::ModelSetup& model)
      : config_(config), model_(model) {}
  std::string operator()() {
    const std::string folder = absolute_path(config_.run.output_dir + "/sampling");
    setup::write_trained(model_, config_, folder);
    const std::string hash = weights_hash(folder);
    if (hash != sent_) { run_command(config_.online, folder); }
    return sent_ = hash;
  }

 private:
  const setup::RunConfig& config_;
  const setup::ModelSetup& model_;
  std::string sent_;
};

}  // namespace

void connect_endpoint(const setup::RunConfig& config, const setup::TextSetup& text,
                      const setup::ModelSetup& model, OnlineSetup& setup) {
  const online::OnlineOptions& o = config.online;
  if (o.sampling_endpoint.empty()) { return; }
  rollout::EndpointOptions options;
  options.url = o.sampling_endpoint;
  options.model = o.sampling_model;
  options.client = {.timeout = o.sampling_timeout, .concurrency = o.sampling_concurrency};
  options.client.bearer =
      net::api_key({.variable = o.sampling_api_key_env,
                    .option = "sampling_api_key_env",
                    .is_default = o.sampling_api_key_env == online::OnlineOptions{}.sampling_api_key_env,
                    .url = o.sampling_endpoint,
                    .what = "sampling_endpoint"});
  options.tokenizer = &text.tokenizer();
  options.vocabulary = model.folder.spec.vocab_size;
  options.eos_id = text.eos_id();
  if (!o.sampling_sync_command.empty()) {
    options.synchronise = [sync = std::make_shared<Synchroniser>(config, model)] { return (*sync)(); };
  } else {
    log_warning(
        "no sampling_sync_command: the server does not follow the policy, its answers become stale as "
        "training goes on");
  }
  setup.answers = rollout::make_endpoint_source(std::move(options));
  log_info(cat("sampling   by ", o.sampling_model, " at ", net::shown_url(o.sampling_endpoint)));
}

}  // namespace una::run
