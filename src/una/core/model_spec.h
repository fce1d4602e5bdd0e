#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace una {

// Rotary position embedding; every type follows transformers (modeling_rope_utils).
struct RopeSpec {
  std::string type = "default";  // default | llama3 | linear | dynamic | yarn | longrope | proportional
  double theta = 10000;
  double factor = 1;
  double low_freq_factor = 1, high_freq_factor = 4;  // llama3
  std::int64_t original_max_positions = 0;           // llama3, yarn, longrope
  double partial_rotary_factor = 1;                  // the rotated share of a head's dimensions
  // Dimensions 2i and 2i + 1 turn together, instead of i and i + half of the rotated ones.
  bool interleaved = false;
  double attention_factor = 0;  // yarn, longrope: multiplies cos and sin; 0: derived from the other values
  double beta_fast = 32, beta_slow = 1;           // yarn
  double mscale = 0, mscale_all_dim = 0;          // yarn, 0: not given
  bool truncate = true;                           // yarn
  std::vector<double> short_factor, long_factor;  // longrope, one per pair of rotated dimensions
  // ministral3 (llama_4_scaling_beta): rotated queries at position p are multiplied by
  // 1 + query_beta ln(1 + floor(p / original_max_positions)).
  double query_beta = 0;

  // Whether the frequencies of a sequence depend on its own length.
  bool depends_on_length() const { return type == "dynamic" || type == "longrope"; }
};

// What the norm of queries and keys covers.
enum class QkNorm : std::uint8_t {
  kNone,
  kHead,        // over each q and k head
  kProjection,  // over all q, and all k, heads of a token
};

// What a norm computes, and how its weight w is applied. The first three are RMS norms.
enum class NormStyle : std::uint8_t {
  kRounded,    // the normalised value is rounded to the compute dtype, then times w
  kWide,       // times w in fp32, then rounded
  kPlusOne,    // times 1 + w in fp32, then rounded
  kLayerNorm,  // (x - mean) / deviation, times w (plus a bias with ModelSpec::norm_bias) in fp32, then rounded
};

// What a layer does with the tokens before a token.
enum class Mixer : std::uint8_t {
  kAttention,
  kShortConvolution,  // lfm2: a gated causal convolution over the last few tokens
  kGatedDeltaRule,    // qwen3_5: linear attention with a recurrent state per head
};

// The gated delta rule (Gated DeltaNet) of a hybrid's layers. Each key head serves num_value_heads / num_key_heads
// value heads.
struct DeltaRuleSpec {
  std::int64_t num_key_heads = 0, num_value_heads = 0;
  std::int64_t key_head_dim = 0, value_head_dim = 0;
};

// The sparse MLPs of a mixture of experts: a router chooses some experts for each token, and the layer adds their
// results, weighted by the router's probabilities.
struct MoeSpec {
  std::int64_t num_experts = 0, experts_per_token = 0;  // num_experts 0: every MLP is dense
  std::int64_t expert_size = 0;                         // the inner size of one expert
  // The probabilities are a softmax over all experts. true: those of the chosen ones are divided by their sum, which
  // equals a softmax over the chosen ones alone.
  bool norm_topk_prob = false;
  std::vector<bool> sparse_layers;  // [num_layers]; empty: all of them
  // The load-balancing loss, as transformers adds it to the loss where output_router_logits is true.
  double router_aux_loss_coef = 0;
  bool output_router_logits = false;
  bool router_bias = false, expert_bias = false;
  // gpt_oss: the rows of gate and up alternate, the gate is clamped from above and up on both sides at swiglu_limit,
  // and the result is gate sigmoid(swiglu_alpha gate) (up + 1). 0: silu(gate) up, without a clamp.
  double swiglu_alpha = 0, swiglu_limit = 0;
};

// What gemma4 has besides. Its layers without a window are full layers.
struct Gemma4Spec {
  // Of full layers; 0: as in the others.
  std::int64_t full_head_dim = 0, full_kv_heads = 0;
  bool value_norm = false;  // each value head is normed, without a weight
  bool keys_as_values =
      false;  // full layers have no v_proj: their values are what k_proj makes, before its norm
  bool layer_scalar = false;  // a stored number, which never trains, multiplies the layer's result
  // The last layers project no keys and values: each reads those of the last layer before them of its kind.
  std::int64_t kv_shared_layers = 0;
  bool wide_shared_mlp = false;  // their MLPs are twice as wide
  // Each layer adds project(act(gate x) * input), normed, where input is a part of a second embedding of the token plus
  // a part of a projection of the first one. 0: no such input.
  std::int64_t input_size = 0;
  std::int64_t input_vocab = 0;  // rows of the second embedding
};

// A decoder as config.json describes it, in one form for all families. Names follow Hugging Face where they
// are short. Which norms a layer has, and whether its projections are fused, follows from the family's names
// (weights/part_names.h).
struct ModelSpec {
  std::string model_type;    // "llama", "mistral", "qwen2"
  std::string architecture;  // "LlamaForCausalLM", "LlamaForSequenceClassification"
  std::int64_t hidden_size = 0, intermediate_size = 0, num_layers = 0;
  std::int64_t num_heads = 0, num_kv_heads = 0, head_dim = 0;
  std::int64_t vocab_size = 0;  // rows of the embedding; may exceed the tokenizer's size
  std::int64_t max_positions = 0;
  double norm_eps = 1e-6;
  NormStyle norm_style = NormStyle::kRounded;
  bool norm_bias = false;           // kLayerNorm only
  bool parallel_block = false;      // attention and MLP both read norm(x), and both results are added to x
  bool parallel_mlp_norm = false;   // of a parallel block: the MLP has a norm of its own
  bool gated_mlp = true;            // down(act(gate x) * up x); false: down(act(up x))
  std::string activation = "silu";  // silu | gelu_pytorch_tanh | gelu
  bool tie_word_embeddings = false;
  bool qkv_bias = false, o_bias = false, mlp_bias = false;
  bool qkv_by_head =
      false;  // gpt_neox: the fused projection holds q, k and v of head 0, then those of head 1
  bool attention_sinks =
      false;  // gpt_oss: a learned logit per head in the softmax, whose share reads no value
  bool attention_gate =
      false;  // qwen3_5: q_proj also makes a gate per value, attention times its sigmoid goes to o
  QkNorm qk_norm = QkNorm::kNone;
  bool qk_norm_after_rope = false;  // the other families norm first
  MoeSpec moe;
  std::vector<Mixer> mixers;     // [num_layers]; empty: all attention
  std::int64_t conv_kernel = 0;  // the tokens that a convolution of a hybrid sees, its own included
  bool conv_bias = false;
  DeltaRuleSpec delta_rule;
  Gemma4Spec gemma4;
  double embedding_scale = 1;         // multiplies the embedding's rows, rounded to the compute dtype first
  double residual_scale = 1;          // multiplies what attention and MLP add to the residual stream
  double logit_scale = 1;             // multiplies the head's logits, before the soft-cap
  double attention_scale = 0;         // multiplies q.k; 0: 1 / sqrt(head_dim)
  double attention_soft_cap = 0;      // scores become cap tanh(score / cap); 0: none
  double logit_soft_cap = 0;          // the same for the head's logits
  std::vector<std::int64_t> windows;  // [num_layers] sliding window of each layer, 0: none
  RopeSpec rope, local_rope;          // local_rope: for the layers that rope_layers assigns to it
  // [num_layers] 0: rope, 1: local_rope, -1: no positions; empty: all 0.
  std::vector<std::int8_t> rope_layers;
  bool recompute_at_long_rope = false;  // longrope: generation recomputes a sequence when it becomes long
  std::string torch_dtype;              // "float32", "bfloat16", "float16" as stored
  double initializer_range = 0.02;
  std::vector<std::int32_t> eos_ids;      // several, one or none
  std::int32_t bos_id = -1, pad_id = -1;  // -1: none
  std::int64_t num_labels = 0;            // > 0: sequence classification head "score"

  bool is_sparse(std::int64_t layer) const {
    return moe.num_experts > 0 &&
           (moe.sparse_layers.empty() || moe.sparse_layers[static_cast<std::size_t>(layer)]);
  }
  Mixer mixer(std::int64_t layer) const {
    return mixers.empty() ? Mixer::kAttention : mixers[static_cast<std::size_t>(layer)];
  }
  bool is_full(std::int64_t layer) const {
    return windows.empty() || windows[static_cast<std::size_t>(layer)] == 0;
  }
  std::int64_t layer_head_dim(std::int64_t layer) const {
    return gemma4.full_head_dim > 0 && is_full(layer) ? gemma4.full_head_dim : head_dim;
  }
  std::int64_t layer_kv_heads(std::int64_t layer) const {
    return gemma4.full_kv_heads > 0 && is_full(layer) ? gemma4.full_kv_heads : num_kv_heads;
  }
  bool projects_values(std::int64_t layer) const { return !gemma4.keys_as_values || !is_full(layer); }
  bool shares_kv(std::int64_t layer) const { return layer >= num_layers - gemma4.kv_shared_layers; }
  // The layer whose keys and values a layer reads: itself, or the last one of its kind that makes its own.
  std::int64_t kv_layer(std::int64_t layer) const {
    if (!shares_kv(layer)) { return layer; }
    std::int64_t from = num_layers - gemma4.kv_shared_layers - 1;
    while (from > 0 && is_full(from) != is_full(layer)) { --from; }
    return from;
  }
  std::int64_t layer_inner_size(std::int64_t layer) const {
    return gemma4.wide_shared_mlp && shares_kv(layer) ? 2 * intermediate_size : intermediate_size;
  }
  bool is_reward_model() const { return num_labels > 0; }
  // The longest sequence: dynamic rope extends to factor times max_positions.
  std::int64_t position_limit() const {
    const double reach = rope.type == "dynamic" ? rope.factor : 1;
    return static_cast<std::int64_t>(static_cast<double>(max_positions) * reach);
  }
};

}  // namespace una
