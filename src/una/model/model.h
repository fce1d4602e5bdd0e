#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include "una/core/lora_spec.h"
#include "una/core/model_spec.h"
#include "una/core/packed_batch.h"
#include "una/core/policy_output.h"
#include "una/weights/safetensors.h"

namespace una::model {

class KvCache;

// Which adapter a call uses. There is no global on/off switch: policy and reference are two calls on one
// model.
using AdapterId = int;
inline constexpr AdapterId kNoAdapter = -1;

struct ForwardOptions {
  AdapterId adapter = kNoAdapter;
  bool training = false;                // LoRA dropout on
  bool gradient_checkpointing = false;  // keep one activation a layer, run the layer again in the backward
  std::uint64_t dropout_key = 0;        // (seed, step, micro-batch) mixed; the same key gives the same masks
};

// A tensor the optimiser may change: its name in files (Hugging Face's, or PEFT's without
// "base_model.model.") and its fp32 master, which requires grad. The master's storage may be rebound to a
// flat buffer (Tensor::set_data).
struct TrainableTensor {
  std::string name;
  at::Tensor master;
  bool decay = true;               // weight decay applies (not to norms and biases)
  AdapterId adapter = kNoAdapter;  // whose tensor it is, where it is an adapter's
  // Set by the trainer: its learning rate is `rate` times the run's, and it sits out the first `rests`
  // updates.
  double rate = 1;
  std::int64_t rests = 0;
};

struct LoadOptions {
  at::ScalarType dtype = at::kFloat;  // compute dtype: kFloat or kBFloat16
  bool train_full = false;            // every parameter trains (fp32 masters)
  at::Device device = at::kCPU;       // where weights, adapters and arithmetic are
};

// A decoder-only transformer described by ModelSpec, with LoRA adapters by id. Parameter names are Hugging
// Face's. Batches come on the CPU, results go there, and tensors for files are there; hidden states, caches
// and masters stay on the model's device. Not copyable. One thread at a time. Forward passes record autograd
// history when grad mode is on.
class Model {
 public:
  // Every tensor of the spec must be in `weights` with its shape and nothing else (buffers such as
  // rotary_emb.inv_freq are ignored); else an InputError that lists all missing, surplus and misshapen names.
  // A tied head may be absent. A spec with num_labels needs "score.weight"; `with_reward_head` adds a fresh
  // one (N(0, 1/(hidden+1))) to a causal LM and drops lm_head.
  Model(const ModelSpec& spec, const weights::StateDict& weights, const LoadOptions& options,
        const std::string& what);
  // Random weights N(0, initializer_range), norms 1: for the demo, tests and benchmarks.
  Model(const ModelSpec& spec, std::uint64_t seed, const LoadOptions& options);
  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  const ModelSpec& spec() const;
  at::ScalarType dtype() const;
  at::Device device() const;
  // Bytes at most since the last call: of the process for a model on the CPU, else of tensors on its device.
  std::int64_t take_peak_memory() const;
  LoadOptions frozen_like() const { return {.dtype = dtype(), .device = device()}; }  // for a model beside it

  // Adapters. A: Kaiming uniform(sqrt 5), B: zero, drawn from `seed` and the module's name. `trainable`
  // adapters get fp32 masters that require grad. Unknown target names are an InputError listing the linears
  // of the model. Adapters of one model may differ in everything; those that save "score" share its one
  // reward head.
  AdapterId add_adapter(const LoraSpec& spec, std::uint64_t seed, bool trainable);
  AdapterId load_adapter(const LoraSpec& spec, const weights::StateDict& weights, bool trainable,
                         const std::string& what);
  AdapterId clone_adapter(
      AdapterId id);  // a frozen copy of its present values: the reference of a loaded adapter
  const LoraSpec& adapter_spec(AdapterId id) const;
  std::vector<std::pair<std::string, at::Tensor>> adapter_tensors(
      AdapterId id) const;  // PEFT file names, fp32

  // Adds score.weight [1, hidden], trainable, drawn from `seed`; used by reward-model training.
  void add_reward_head(std::uint64_t seed);
  bool has_reward_head() const;

  // What trains now, in a fixed order: masters of full fine-tuning, of trainable adapters, of the reward
  // head.
  std::vector<TrainableTensor> trainable();
  // After the optimiser changed masters: refreshes the compute-dtype copies, and DoRA's norms.
  void refresh();

  // Hidden states after the final norm, [T, C] in the compute dtype. Where rope's frequencies follow from a
  // sequence's length (dynamic, longrope), a shared prompt takes those of its longest sequence; `forward`
  // computes such prompts once for each sequence, as transformers does. Over a cache the frequencies are
  // those of the sequence so far, and keys stay as they were written.
  at::Tensor hidden(const at::Tensor& tokens, const at::Tensor& positions,
                    const std::vector<Segment>& segments, const ForwardOptions& options);
  // The same for new tokens over a cache: keys and values are written to `slots` [T] int64 and segments' key
  // ranges are slots of the cache. No gradients.
  at::Tensor hidden_cached(const at::Tensor& tokens, const at::Tensor& positions,
                           const std::vector<Segment>& segments, const at::Tensor& slots, KvCache& cache,
                           const ForwardOptions& options);
  // Logits of hidden rows [N, C] -> [N, V] fp32 by the head that `adapter` uses (kNoAdapter: the base's):
  // generation only, training uses `forward`.
  at::Tensor logits(const at::Tensor& hidden, AdapterId adapter);
  // The policy: batch -> token log-probs through the log-prob primitive, or reward-head scores.
  PolicyOutput forward(const PackedBatch& batch, const PolicyWants& wants, const ForwardOptions& options);

  // Every base parameter with its Hugging Face name, as it would be saved: fp32 masters where they train,
  // else the stored values. A tied head is left out.
  std::vector<std::pair<std::string, at::Tensor>> named_tensors() const;
  // The base with an adapter merged in fp32 (W + s B A; DoRA: its rows times m / n), in `dtype`; names of
  // named_tensors().
  std::vector<std::pair<std::string, at::Tensor>> merged_tensors(AdapterId id, at::ScalarType dtype) const;

 private:
  struct Impl;
  PolicyOutput forward_as_packed(const PackedBatch& batch, const PolicyWants& wants,
                                 const ForwardOptions& options);
  std::unique_ptr<Impl> impl_;
};

// Keys and values of past tokens, [slots, kv_heads, head_dim] a layer, in the model's dtype. A head's own lie
// side by side in memory, since attention reads them head by head.
class KvCache {
 public:
  KvCache(const Model& model, std::int64_t slots);
  at::Tensor& keys(std::int64_t layer) { return keys_[static_cast<std::size_t>(layer)]; }
  at::Tensor& values(std::int64_t layer) { return values_[static_cast<std::size_t>(layer)]; }
  std::int64_t slots() const { return slots_; }

 private:
  std::int64_t slots_;
  std::vector<at::Tensor> keys_, values_;
};

}  // namespace una::model
