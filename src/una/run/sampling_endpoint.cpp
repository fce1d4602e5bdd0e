// The servers that sample for an online run, and how they get the policy's weights.
#include <algorithm>
#include <filesystem>
#include <memory>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/hash.h"
#include "una/base/log.h"
#include "una/base/os/shell_command.h"
#include "una/dist/together.h"
#include "una/rollout/endpoint.h"
#include "una/run/online_setup.h"

namespace una::run {
namespace {

// `line` with every `place` replaced by one shell word.
std::string filled(std::string line, const std::string& place, const std::string& value) {
  const std::string word = shell_quoted(value);
  for (std::size_t at = 0; (at = line.find(place, at)) != std::string::npos; at += word.size()) {
    line.replace(at, place.size(), word);
  }
  return line;
}

void run_command(const online::OnlineOptions& options, const std::string& folder, const std::string& server) {
  const std::string line = filled(filled(options.sampling_sync_command, online::kAdapterPlace, folder),
                                  online::kEndpointPlace, server);
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

std::vector<std::string> servers_of(const online::OnlineOptions& options, const dist::Gang& gang) {
  std::vector<std::string> servers;
  for (const std::string& one : split(options.sampling_endpoint, ',')) { servers.emplace_back(trim(one)); }
  check_input(std::ssize(servers) <= gang.size(), "sampling_endpoint names ", servers.size(), " servers for ",
              gang.size(), gang.size() == 1 ? " rank" : " ranks",
              ": each rank asks one; start as many ranks (--nproc), or name fewer");
  return servers;
}

// Gives every server the weights that it does not have yet; called by all ranks at one time. Rank 0 writes them. A command
// with {endpoint} is run for each server, by the first rank that asks it; another one is run once, by rank 0.
class Synchroniser {
 public:
  Synchroniser(const setup::RunConfig& config, const setup::TextFiles& text, const setup::ModelSetup& model,
               dist::Gang& gang)
      : config_(config), text_(text), model_(model), gang_(gang), servers_(servers_of(config.online, gang)) {
    const std::string& line = config.online.sampling_sync_command;
    const bool each = line.find(online::kEndpointPlace) != std::string::npos;
    runs_ = gang.rank() < (each ? std::ssize(servers_) : 1);
  }

  std::string operator()() {
    const std::string folder = absolute_path(config_.run.output_dir + "/sampling");
    std::string hash;
    dist::together(gang_, [&] {
      if (!gang_.leads()) { return; }
      setup::write_trained(model_, text_, config_, folder);
      hash = weights_hash(folder);
    });
    hash = gang_.gather_all(hash).front();
    if (hash != sent_) {
      dist::together(gang_, [&] {
        if (runs_) { run_command(config_.online, folder, servers_[static_cast<std::size_t>(gang_.rank())]); }
      });
    }
    return sent_ = hash;
  }

 private:
  const setup::RunConfig& config_;
  const setup::TextFiles& text_;
  const setup::ModelSetup& model_;
  dist::Gang& gang_;
  std::vector<std::string> servers_;
  bool runs_ = false;
  std::string sent_;
};

}  // namespace

void connect_endpoint(const setup::RunConfig& config, const setup::TextSetup& text,
                      const setup::ModelSetup& model, dist::Gang& gang, OnlineSetup& setup) {
  const online::OnlineOptions& o = config.online;
  if (o.sampling_endpoint.empty()) { return; }
  const std::vector<std::string> servers = servers_of(o, gang);
  const std::int64_t count = std::ssize(servers), own = gang.rank() % count;
  const std::int64_t sharing = (gang.size() - own + count - 1) / count;  // ranks that ask this rank's server
  rollout::EndpointOptions options;
  options.url = servers[static_cast<std::size_t>(own)];
  options.model = o.sampling_model;
  options.client = {.timeout = o.sampling_timeout,
                    .concurrency = std::max<std::int64_t>(1, o.sampling_concurrency / sharing)};
  options.client.bearer =
      net::api_key({.variable = o.sampling_api_key_env,
                    .option = "sampling_api_key_env",
                    .is_default = o.sampling_api_key_env == online::OnlineOptions{}.sampling_api_key_env,
                    .url = options.url,
                    .what = "sampling_endpoint"});
  options.tokenizer = &text.tokenizer();
  options.vocabulary = model.folder.spec.vocab_size;
  options.eos_id = text.eos_id();
  if (!o.sampling_sync_command.empty()) {
    options.synchronise = [sync = std::make_shared<Synchroniser>(config, text.files, model, gang)] {
      return (*sync)();
    };
  } else {
    log_warning(
        "no sampling_sync_command: the server does not follow the policy, its answers become stale as "
        "training goes on");
  }
  setup.answers = rollout::make_endpoint_source(std::move(options));
  std::vector<std::string> shown;
  for (const std::string& server : servers) { shown.push_back(net::shown_url(server)); }
  log_info(cat("sampling   by ", o.sampling_model, " at ", join(shown, ", "),
               count > 1 ? cat(", one for each of ", gang.size(), " ranks in turn") : std::string()));
}

}  // namespace una::run
