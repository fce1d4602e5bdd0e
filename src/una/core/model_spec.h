#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace una {

struct RopeSpec {
  std::string type = "default";  // default | llama3 | linear | dynamic | yarn | longrope
  double theta = 10000;
  double factor = 1;
  double low_freq_factor = 1, high_freq_factor = 4;  // llama3
  std::int64_t original_max_positions = 0;
};

// What config.json says of a decoder: one description for every family. Names follow Hugging Face where they
// are short.
struct ModelSpec {
  std::string model_type;    // "llama", "mistral", "qwen2"
  std::string architecture;  // "LlamaForCausalLM", "LlamaForSequenceClassification"
  std::int64_t hidden_size = 0, intermediate_size = 0, num_layers = 0;
  std::int64_t num_heads = 0, num_kv_heads = 0, head_dim = 0;
  std::int64_t vocab_size = 0;  // rows of the embedding; may exceed the tokenizer's size
  std::int64_t max_positions = 0;
  double norm_eps = 1e-6;
  std::string activation = "silu";
  bool tie_word_embeddings = false;
  bool qkv_bias = false, o_bias = false, mlp_bias = false;
  std::vector<std::int64_t> windows;  // [num_layers] sliding window of each layer, 0: none
  RopeSpec rope;
  std::string torch_dtype;  // "float32", "bfloat16", "float16" as stored
  double initializer_range = 0.02;
  std::vector<std::int32_t> eos_ids;      // may be several or none
  std::int32_t bos_id = -1, pad_id = -1;  // -1: none
  std::int64_t num_labels = 0;            // > 0: sequence classification head "score"

  bool is_reward_model() const { return num_labels > 0; }
};

}  // namespace una
