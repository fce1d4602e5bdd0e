#pragma once

// For tests only: the recorded models of tests/data/models, small random ones, and packing by hand.

#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>

#include "una/base/error.h"
#include "una/base/test_data.h"
#include "una/core/model_spec.h"
#include "una/core/packed_batch.h"
#include "una/core/tiny_spec_testing.h"
#include "una/model/model.h"
#include "una/weights/hf_config.h"
#include "una/weights/safetensors.h"

namespace una::model {

// Tensors this small are slower on two threads, and far slower on a busy machine.
[[maybe_unused]] inline const bool kOneThread = (at::set_num_threads(1), true);

inline std::string fixture_folder(const std::string& name) {
  return (test_data() / "models" / name).string();
}

inline std::unique_ptr<Model> load_fixture(const std::string& name, const LoadOptions& options = {}) {
  const std::string folder = fixture_folder(name);
  return std::make_unique<Model>(weights::read_model_spec(folder), weights::read_model_weights(folder),
                                 options, name);
}

using Ids = std::vector<std::int64_t>;

inline Ids ids_of(const at::Tensor& tensor) {
  const at::Tensor whole = tensor.to(at::kLong).contiguous();
  const auto* data = whole.const_data_ptr<std::int64_t>();
  return {data, data + whole.numel()};
}

// The recorded sequences ids.0, ids.1, ...
inline std::vector<Ids> recorded_ids(const weights::StateDict& reference) {
  std::vector<Ids> out;
  for (int i = 0; reference.has("ids." + std::to_string(i)); ++i) {
    out.push_back(ids_of(reference.at("ids." + std::to_string(i))));
  }
  return out;
}

// `what`.0, `what`.1, ... in one row.
inline at::Tensor recorded(const weights::StateDict& reference, const std::string& what) {
  std::vector<at::Tensor> out;
  for (int i = 0; reference.has(what + "." + std::to_string(i)); ++i) {
    out.push_back(reference.at(what + "." + std::to_string(i)));
  }
  return at::cat(out);
}

// Builds a PackedBatch by hand.
struct Packing {
  Ids tokens, positions, logp_rows, logp_targets, last_rows;
  PackedBatch batch;

  std::int32_t row() const { return static_cast<std::int32_t>(tokens.size()); }
  void add_tokens(const Ids& ids, std::int64_t first_position) {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      tokens.push_back(ids[i]);
      positions.push_back(first_position + static_cast<std::int64_t>(i));
    }
  }
  void want(std::int64_t at, std::int64_t target) {
    logp_rows.push_back(at);
    logp_targets.push_back(target);
  }
  PackedBatch finish() {
    batch.tokens = at::tensor(tokens);
    batch.positions = at::tensor(positions);
    batch.logp_rows = at::tensor(logp_rows);
    batch.logp_targets = at::tensor(logp_targets);
    batch.last_rows = at::tensor(last_rows);
    return batch;
  }
};

// Every sequence separate, with the log-probs of all tokens but the first wanted.
inline PackedBatch pack(const std::vector<Ids>& sequences, std::size_t first_target = 1) {
  Packing out;
  for (const Ids& ids : sequences) {
    const std::int32_t begin = out.row();
    out.add_tokens(ids, 0);
    out.batch.segments.push_back({begin, out.row(), {{begin, out.row()}}});
    out.last_rows.push_back(out.row() - 1);
    for (std::size_t i = first_target; i < ids.size(); ++i) {
      out.want(begin + static_cast<int>(i) - 1, ids[i]);
    }
  }
  return out.finish();
}

// One shared prompt followed by its answers, whose log-probs are wanted.
inline PackedBatch pack_shared(const Ids& prompt, const std::vector<Ids>& answers) {
  Packing out;
  out.add_tokens(prompt, 0);
  const std::int32_t shared = out.row();
  out.batch.segments.push_back({0, shared, {{0, shared}}});
  for (const Ids& answer : answers) {
    const std::int32_t begin = out.row();
    out.add_tokens(answer, shared);
    out.batch.segments.push_back({begin, out.row(), {{0, shared}, {begin, out.row()}}});
    out.last_rows.push_back(out.row() - 1);
    for (std::size_t i = 0; i < answer.size(); ++i) {
      out.want(i == 0 ? shared - 1 : begin + static_cast<int>(i) - 1, answer[i]);
    }
  }
  return out.finish();
}

inline const std::vector<Ids>& tiny_sequences() {
  static const std::vector<Ids> kSequences = {
      {3, 17, 25, 31, 8, 2, 39, 11}, {3, 17, 25, 5, 6}, {1, 30, 22, 9, 14, 33, 7, 7, 21, 12, 4}};
  return kSequences;
}

// The InputError's sentence, or "no error".
template <class Run>
std::string error_of(const Run& run) {
  try {
    run();
  } catch (const InputError& error) { return error.what(); }
  return "no error";
}

inline double max_difference(const at::Tensor& a, const at::Tensor& b) {
  if (a.numel() == 0) { return 0; }
  return a.to(at::kDouble).sub(b.to(at::kDouble)).abs().max().item<double>();
}

// |a - b| / max(|b|, floor) over whole tensors.
inline double relative_difference(const at::Tensor& a, const at::Tensor& b, double floor = 1e-3) {
  const double difference = a.to(at::kDouble).sub(b.to(at::kDouble)).norm().item<double>();
  return difference / std::max(b.to(at::kDouble).norm().item<double>(), floor);
}

inline std::vector<at::Tensor> take_gradients(Model& model) {
  std::vector<at::Tensor> out;
  for (TrainableTensor& tensor : model.trainable()) {
    out.push_back(tensor.master.grad().defined() ? tensor.master.grad().clone() : at::Tensor());
    tensor.master.mutable_grad() = at::Tensor();
  }
  return out;
}

// A LoRA on every linear whose B is not zero.
inline AdapterId add_perturbed_adapter(Model& model, const LoraSpec& spec, bool trainable = true) {
  const AdapterId fresh = model.add_adapter(spec, 7, trainable);
  if (!trainable) { return fresh; }
  std::uint64_t i = 0;
  for (TrainableTensor& tensor : model.trainable()) {
    if (tensor.name.find("lora_B") == std::string::npos) { continue; }
    const at::Tensor wave = at::arange(tensor.master.numel(), at::kDouble).add(static_cast<double>(++i));
    tensor.master.set_data(wave.mul(1.7)
                               .sin()
                               .mul(0.2)
                               .view(tensor.master.sizes())
                               .to(tensor.master.options().requires_grad(false)));
  }
  model.refresh();
  return fresh;
}

}  // namespace una::model
