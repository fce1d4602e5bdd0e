#include <charconv>
#include <cstdio>
#include <limits>
#include <string_view>
#include <utility>

#include "una/base/error.h"
#include "una/base/files/output_folder.h"
#include "una/base/format.h"
#include "una/base/log.h"
#include "una/base/os/stop_point.h"
#include "una/kernels/threads.h"
#include "una/recipe/command_line.h"
#include "una/recipe/commands.h"
#include "una/run/training_run.h"
#include "una/setup/merged.h"
#include "una/setup/reward_setup.h"
#include "una/setup/text_setup.h"

namespace una::recipe {
namespace {

constexpr const char* kUsage = "usage: una merge --model DIR --adapter DIR --out DIR";

// The keys of `una merge`.
struct MergeOptions {
  std::string model_name_or_path, adapter, output_dir, dtype = "auto", max_shard_size = "5GB";
  double adapter_scale = 1;
  bool overwrite_output_dir = false;
  template <class V>
  void fields(V&& v) {
    v("model_name_or_path", model_name_or_path, "the base model's folder (alias --model)");
    v("adapter", adapter, "the adapter's folder");
    v("output_dir", output_dir, "where the merged model goes (alias --out)");
    v("adapter_scale", adapter_scale, "the adapter's change of the model times this");
    v("dtype", dtype, "stored as: auto (as the base) | float32 | bfloat16");
    v("max_shard_size", max_shard_size, "larger weights go into several files: bytes, 500MB, 5GB, 2GiB");
    v("overwrite_output_dir", overwrite_output_dir, "replace a merged model that is there");
  }
};

// As in transformers' save_pretrained: powers of ten, or of two with an i.
std::int64_t size_in_bytes(const std::string& text) {
  constexpr std::pair<std::string_view, std::int64_t> kUnits[] = {
      {"", 1},          {"KB", 1'000},    {"MB", 1'000'000}, {"GB", 1'000'000'000},
      {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  const std::string_view written(rest, static_cast<std::size_t>(end - rest));
  for (const auto& [unit, bytes] : kUnits) {
    const bool fits = number > 0 && number <= std::numeric_limits<std::int64_t>::max() / bytes;
    if (error == std::errc() && written == unit && fits) { return number * bytes; }
  }
  throw InputError(cat("max_shard_size: '", text, "' is not a size such as 5GB, 500MB or 2GiB"));
}

OutputFolderRule output_rule(const MergeOptions& options) {
  OutputFolderRule rule;
  rule.overwrite = options.overwrite_output_dir;
  rule.inputs = {options.model_name_or_path, options.adapter};
  rule.marks = {"config.json", "model.safetensors", "model.safetensors.index.json"};
  rule.work = "merged model";
  rule.discard = true;
  return rule;
}

}  // namespace

HelpPage merge_help(const Arguments&) { return options_page<MergeOptions>(kUsage); }

int run_merge(const Arguments& arguments) {
  auto options = read_command<MergeOptions>(arguments);
  find_model(options.model_name_or_path, options.adapter);
  check_input(!options.adapter.empty(), "no adapter: give its folder with --adapter");
  check_input(!options.output_dir.empty(), "no output folder: give one with --out");
  const std::int64_t shard_bytes = size_in_bytes(options.max_shard_size);
  OutputFolder output(options.output_dir, output_rule(options));
  const StopScope stop;
  kernels::set_threads(0);
  const setup::ModelSetup setup =
      setup::load_for_inference(options.model_name_or_path, options.adapter,
                                {.dtype = options.dtype, .adapter_scale = options.adapter_scale});
  output.begin();
  const double difference =
      setup::write_merged(setup, options.output_dir,
                          setup::text_folders(options.model_name_or_path, options.adapter), shard_bytes);
  output.keep();
  if (setup.model->has_reward_head()) { setup::warn_of_pad(options.output_dir, setup.folder.spec, -1); }
  log_info(cat("merged into ", options.output_dir, " (", setup::dtype_name(setup.model->dtype()),
               "); base: ", setup.folder.path, " as it is in its folder (", setup.folder.content_hash,
               "); largest difference to base plus adapter: ", significant(difference, 2)));
  return 0;
}

}  // namespace una::recipe
