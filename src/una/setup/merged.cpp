#include "una/setup/merged.h"

#include <algorithm>
#include <filesystem>

#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/tensor.h>
#include <c10/core/GradMode.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/rng.h"
#include "una/setup/text_setup.h"
#include "una/weights/composite.h"

namespace una::setup {
namespace {

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

// config.json comes last: without it no program takes the folder for a model.
void write_parts(const ModelSetup& setup, const std::string& folder, const TextFolders& text,
                 std::int64_t shard_bytes) {
  const at::ScalarType dtype = setup.model->dtype();
  make_folder(folder);
  const auto tensors = weights::with_other_tensors(setup.folder.spec, setup.folder.weights,
                                                   setup.model->merged_tensors(setup.policy, dtype));
  weights::write_model_weights(folder, tensors, shard_bytes);
  write_text_files(read_text_files(text, ""), folder);
  write_file(folder + "/config.json", stored_config(setup, dtype));
}

double check_merged(const ModelSetup& setup, const std::string& folder) {
  const at::ScalarType dtype = setup.model->dtype();
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

}  // namespace

double write_merged(const ModelSetup& setup, const std::string& folder, const TextFolders& text,
                    std::int64_t shard_bytes) {
  try {
    write_parts(setup, folder, text, shard_bytes);
    return check_merged(setup, folder);
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(folder + "/config.json", ignored);  // a wrong model must not be taken for one
    throw;
  }
}

}  // namespace una::setup
