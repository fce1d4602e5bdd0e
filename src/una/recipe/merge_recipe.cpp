#include <algorithm>
#include <charconv>
#include <cstdio>
#include <limits>
#include <string_view>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/tensor.h>
#include <c10/core/GradMode.h>

#include "una/base/error.h"
#include "una/base/files.h"
#include "una/base/format.h"
#include "una/base/log.h"
#include "una/base/rng.h"
#include "una/recipe/commands.h"
#include "una/recipe/merge.h"
#include "una/recipe/reward_setup.h"
#include "una/recipe/text_setup.h"
#include "una/recipe/training_run.h"

namespace una::recipe {
namespace {

struct MergeOptions {
  std::string model_name_or_path, adapter, output_dir, dtype = "auto", max_shard_size = "5GB";
  bool overwrite_output_dir = false;
  template <class V>
  void fields(V&& v) {
    v("model_name_or_path", model_name_or_path, "the base model's folder (alias --model)");
    v("adapter", adapter, "the adapter's folder");
    v("output_dir", output_dir, "where the merged model goes (alias --out)");
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
  throw InputError(cat("max_shard_size: '", text, "' is no size such as 5GB, 500MB or 2GiB"));
}

// Log-probs over the vocabulary (or scores) for a fixed row of 24 token ids.
at::Tensor probe(model::Model& model, model::AdapterId adapter) {
  const c10::AutoGradMode no_grad(false);
  const std::int64_t length =
      std::min<std::int64_t>(24, std::max<std::int64_t>(2, model.spec().max_positions));
  Rng rng(7, stream_id("merge-probe"));
  std::vector<std::int64_t> ids;
  for (std::int64_t i = 0; i < length; ++i) {
    ids.push_back(static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(model.spec().vocab_size))));
  }
  PackedBatch batch;
  batch.tokens = at::tensor(ids, at::kLong);
  batch.positions = at::arange(length, at::kLong);
  const auto end = static_cast<std::int32_t>(length);
  batch.segments = {{0, end, {{0, end}}}};
  batch.last_rows = at::tensor(std::vector<std::int64_t>{length - 1}, at::kLong);
  batch.sequences.resize(1);
  if (model.has_reward_head()) {
    return model.forward(batch, {.logp = false, .score = true}, {.adapter = adapter}).score.to(at::kFloat);
  }
  const at::Tensor hidden = model.hidden(batch.tokens, batch.positions, batch.segments, {.adapter = adapter});
  return at::log_softmax(model.logits(hidden, adapter), -1);
}

}  // namespace

double write_merged(const ModelSetup& setup, const std::string& folder, const std::string& text_folder,
                    std::int64_t shard_bytes) {
  const at::ScalarType dtype = setup.model->dtype();
  make_folder(folder);
  weights::write_model_weights(folder, setup.model->merged_tensors(setup.policy, dtype), shard_bytes);
  write_file(folder + "/config.json", stored_config(setup, dtype));
  copy_text_files(text_folder, folder);

  const ModelFolder back = read_model_folder(folder);
  model::Model merged(back.spec, back.weights, {.dtype = dtype}, folder);
  const double difference =
      (probe(merged, model::kNoAdapter) - probe(*setup.model, setup.policy)).abs().max().item<double>();
  const double limit = dtype == at::kBFloat16 ? 0.5 : 1e-3;
  check_input(difference <= limit, folder, ": the merged model differs from base plus adapter by ",
              significant(difference, 3), " in log-probs, more than storing as ", dtype_name(dtype),
              " explains; merge with --dtype float32");
  return difference;
}

int run_merge(const std::vector<std::string>& arguments) {
  const std::vector<OptionHelp> known = describe_options(MergeOptions{});
  if (std::find(arguments.begin(), arguments.end(), "--help") != arguments.end()) {
    std::printf("%s", help_text("usage: una merge --model DIR --adapter DIR --out DIR", known).c_str());
    return 0;
  }
  const Settings settings = parse_flags(arguments, known, option_aliases(), nullptr);
  check_known(settings, known, foreign_names());
  MergeOptions options;
  read_options(settings, options);
  check_input(!options.adapter.empty(), "no adapter: give its folder with --adapter");
  check_input(!options.output_dir.empty(), "no output folder: give one with --out");
  check_input(options.overwrite_output_dir || is_empty_folder(options.output_dir), options.output_dir,
              " is not empty: give another folder or --overwrite_output_dir");
  const std::int64_t shard_bytes = size_in_bytes(options.max_shard_size);
  set_threads(0);
  const ModelSetup setup =
      load_for_inference(options.model_name_or_path, options.adapter, {.dtype = options.dtype});
  const double difference = write_merged(setup, options.output_dir, options.model_name_or_path, shard_bytes);
  // The one it was trained with may be another than the base's.
  const std::string chat_template = options.adapter + "/chat_template.jinja";
  if (is_file(chat_template)) {
    write_file(options.output_dir + "/chat_template.jinja", read_file(chat_template));
  }
  if (setup.model->has_reward_head()) { warn_of_pad(options.output_dir, setup.folder.spec, -1); }
  log_info(cat("merged into ", options.output_dir, " (", dtype_name(setup.model->dtype()),
               "); largest difference to base plus adapter: ", significant(difference, 2)));
  return 0;
}

}  // namespace una::recipe
