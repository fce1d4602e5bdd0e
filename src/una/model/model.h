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
#include "una/core/packed_matrix.h"
#include "una/core/policy_output.h"
#include "una/weights/safetensors.h"

namespace una::model {

class KvCache;
class RecurrentStates;  // mixers/recurrent_states.h
struct RouterReport;    // experts/router_report.h

// The adapter that a call uses. Adapters are not switched on or off globally: policy and reference are two
// calls on one model.
using AdapterId = int;
inline constexpr AdapterId kNoAdapter = -1;

// How one call runs.
struct ForwardOptions {
  AdapterId adapter = kNoAdapter;
  bool training = false;                // LoRA dropout on
  bool gradient_checkpointing = false;  // store one activation per layer and rerun the layer in the backward
  std::uint64_t dropout_key = 0;        // hash of (seed, step, micro-batch); equal keys give equal masks
  RouterReport* routers = nullptr;      // filled by a mixture of experts; the caller's
};

// A tensor the optimiser may change: its name in files (Hugging Face's, or PEFT's without
// "base_model.model.") and its fp32 master, which requires grad. The trainer may rebind the master's storage
// to a flat buffer (Tensor::set_data).
struct TrainableTensor {
  std::string name;
  at::Tensor master;
  bool decay = true;               // whether weight decay applies (not to norms and biases)
  AdapterId adapter = kNoAdapter;  // the adapter that it belongs to, if any
  // Set by the trainer: its learning rate is `rate` times the run's, and it sits out the first `frozen_steps`
  // updates.
  double rate = 1;
  std::int64_t frozen_steps = 0;
};

// How a model is held in memory.
struct LoadOptions {
  at::ScalarType dtype = at::kFloat;  // compute dtype: kFloat or kBFloat16
  bool train_full = false;            // every parameter trains (fp32 masters), except routers
  bool train_router = false;          // with train_full: the routers of a mixture of experts train too
  at::Device device = at::kCPU;       // of weights, adapters and arithmetic
  // How the layers' matrices are held, made from their values in `dtype`; embedding, head, norms, biases and adapters stay as
  // they are. Not with train_full.
  Quantisation quantise = {};
  // The states and log-probs of a token have the same bits whatever else is in the call: in a packed batch, behind a
  // shared prompt, one token at a time over a cache. On the CPU; InputError for a model whose layers cannot do that
  // (inexact_because).
  bool exact = false;
};

// What of the model or its place keeps LoadOptions::exact from being kept, for a sentence; "": nothing.
std::string inexact_because(const ModelSpec& spec, at::Device device);

// A decoder-only transformer described by ModelSpec, with LoRA adapters by id. Parameter names are Hugging
// Face's. Batches, results and tensors for files are on the CPU; hidden states, caches and masters are on the
// model's device. Not copyable. Used by one thread at a time. Forward passes record autograd history when
// grad mode is on.
class Model {
 public:
  // Every tensor of the spec must be in `weights` with its shape and nothing else (buffers such as
  // rotary_emb.inv_freq are ignored); else an InputError that names missing, surplus and misshapen ones. The
  // head of a tied spec may be absent, or must equal the embedding. A spec with num_labels needs
  // "score.weight" and no head. `what` is the folder, for messages.
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
  bool exact() const;
  const Quantisation& quantisation() const;
  std::int64_t quantised_bytes() const;  // of the quantised matrices; 0: there are none
  std::int64_t quantised_numbers() const;
  // Peak bytes since the last call: of the process for a model on the CPU, else of tensors on its device.
  std::int64_t take_peak_memory() const;
  LoadOptions frozen_like() const {
    return {.dtype = dtype(), .device = device(), .quantise = quantisation(), .exact = exact()};
  }  // for a further, frozen model

  // Adapters. A is Kaiming uniform(sqrt 5), drawn from `seed` and the module's name; B is zero. `trainable`
  // adapters get fp32 masters that require grad. Unknown target names are an InputError listing the linears
  // of the model. Adapters of one model may differ in everything, except that those that save "score" share
  // its one reward head.
  AdapterId add_adapter(const LoraSpec& spec, std::uint64_t seed, bool trainable);
  AdapterId load_adapter(const LoraSpec& spec, const weights::StateDict& weights, bool trainable,
                         const std::string& what);
  // A frozen copy of an adapter's current values: the reference of a loaded adapter.
  AdapterId clone_adapter(AdapterId id);
  // Frees its memory. Its id is not given again; a later call with it is an InternalError.
  void remove_adapter(AdapterId id);
  const LoraSpec& adapter_spec(AdapterId id) const;
  // Under PEFT's file names, fp32.
  std::vector<std::pair<std::string, at::Tensor>> adapter_tensors(AdapterId id) const;

  // Adds score.weight [1, hidden], trainable, drawn from `seed`; used by reward-model training.
  void add_reward_head(std::uint64_t seed);
  bool has_reward_head() const;

  // Everything that trains, in a fixed order: masters of full fine-tuning, of trainable adapters, of the
  // reward head.
  std::vector<TrainableTensor> trainable();
  // Must follow every change of the masters: refreshes the compute-dtype copies and DoRA's norms.
  void refresh();

  // Hidden states after the final norm, [T, C] in the compute dtype. Where rope's frequencies depend on a
  // sequence's length (dynamic, longrope), a shared prompt uses those of its longest sequence; `forward`
  // computes such prompts once per sequence, as transformers does. With a cache the frequencies are those of
  // the sequence so far, and cached keys are not rotated again.
  at::Tensor hidden(const at::Tensor& tokens, const at::Tensor& positions,
                    const std::vector<Segment>& segments, const ForwardOptions& options);
  // The same for new tokens over a cache: keys and values are written to `slots` [T] int64, and the segments'
  // key ranges refer to slots of the cache. No gradients.
  at::Tensor hidden_cached(const at::Tensor& tokens, const at::Tensor& positions,
                           const std::vector<Segment>& segments, const at::Tensor& slots, KvCache& cache,
                           const ForwardOptions& options);
  // Logits [N, V] fp32 of hidden rows [N, C], by the head that `adapter` uses (kNoAdapter: the base's). For
  // generation; training uses `forward`.
  at::Tensor logits(const at::Tensor& hidden, AdapterId adapter) {
    return shaped(raw_logits(hidden, adapter));
  }
  // The same in two steps: as the head's product has them, in the compute dtype on the model's device, and with the
  // model's scale and cap in fp32 on the CPU.
  at::Tensor raw_logits(const at::Tensor& hidden, AdapterId adapter);
  at::Tensor shaped(const at::Tensor& raw_logits) const;
  // Log-probs [N] fp32 of targets [N] int64 (CPU) under raw logits on the CPU: those of `forward`, bit for bit where
  // the model is exact.
  at::Tensor logps(const at::Tensor& raw_logits, const at::Tensor& targets) const;
  // The policy: token log-probs of a batch through the log-prob primitive, or reward-head scores.
  PolicyOutput forward(const PackedBatch& batch, const PolicyWants& wants, const ForwardOptions& options);

  // Every base parameter with its Hugging Face name, as it is saved: the fp32 master where it trains, else
  // the stored values. A tied head is left out.
  std::vector<std::pair<std::string, at::Tensor>> named_tensors() const;
  // The base with an adapter merged in fp32 (W + s B A; for DoRA its rows times m / n), in `dtype`; names as
  // in named_tensors(). InputError naming the tensor when a merged value is NaN or infinite.
  std::vector<std::pair<std::string, at::Tensor>> merged_tensors(AdapterId id, at::ScalarType dtype) const;

 private:
  struct Impl;
  PolicyOutput forward_as_packed(const PackedBatch& batch, const PolicyWants& wants,
                                 const ForwardOptions& options);
  std::unique_ptr<Impl> impl_;
};

// Keys and values of past tokens, [slots, kv_heads, head_dim] per layer, in the model's dtype. Those of one
// head are contiguous in memory, because attention reads them head by head. A layer that is a short convolution
// has what it reads of each token in `keys`, [slots, 1, hidden], and no values: about as much as keys and values
// of attention with few heads, and no other state. Layers with a gated delta rule have nothing per slot, but states
// of whole sequences (states()). Not thread-safe.
class KvCache {
 public:
  KvCache(const Model& model, std::int64_t slots);
  at::Tensor& keys(std::int64_t layer) { return keys_[static_cast<std::size_t>(layer)]; }
  at::Tensor& values(std::int64_t layer) { return values_[static_cast<std::size_t>(layer)]; }
  std::int64_t slots() const { return slots_; }
  RecurrentStates* states() const { return states_.get(); }  // null: no layer has a gated delta rule
  void share_states(const KvCache& other) {
    states_ = other.states_;
  }  // the states of a cache with the same slots

 private:
  std::int64_t slots_;
  std::vector<at::Tensor> keys_, values_;
  std::shared_ptr<RecurrentStates> states_;
};

}  // namespace una::model
