#include <iterator>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/model/family.h"

namespace una::model {

// One source file each.
Family llama_family();
Family mistral_family();
Family qwen2_family();
Family qwen3_family();
Family gemma_family();
Family gemma2_family();
Family gemma3_family();
Family olmo2_family();
Family phi3_family();
Family smollm3_family();

namespace {

std::vector<Family> families() {
  return {llama_family(),  mistral_family(), qwen2_family(), qwen3_family(), gemma_family(),
          gemma2_family(), gemma3_family(),  olmo2_family(), phi3_family(),  smollm3_family()};
}

void check_sizes(const ModelSpec& spec) {
  const auto positive = [](std::int64_t value, const char* key) {
    check_input(value > 0, "config.json: ", key, " is ", value, ", but must be at least 1");
  };
  positive(spec.hidden_size, "hidden_size");
  positive(spec.intermediate_size, "intermediate_size");
  positive(spec.num_layers, "num_hidden_layers");
  positive(spec.num_heads, "num_attention_heads");
  positive(spec.num_kv_heads, "num_key_value_heads");
  positive(spec.head_dim, "head_dim");
  positive(spec.vocab_size, "vocab_size");
  positive(spec.max_positions, "max_position_embeddings");
  check_input(spec.num_heads % spec.num_kv_heads == 0, "config.json: num_attention_heads ", spec.num_heads,
              " is not a multiple of num_key_value_heads ", spec.num_kv_heads);
  check_input(spec.head_dim % 2 == 0, "config.json: head_dim ", spec.head_dim, " is odd");
  const bool known =
      spec.activation == "silu" || spec.activation == "gelu_pytorch_tanh" || spec.activation == "gelu";
  check_input(known, "config.json: the activation \"", spec.activation,
              "\" is not supported (known: silu, gelu_pytorch_tanh, gelu)");
  check_input(spec.num_labels <= 1, "config.json: a reward model has one label, this one has ",
              spec.num_labels, " (num_labels, id2label)");
  check(spec.windows.empty() || static_cast<std::int64_t>(spec.windows.size()) == spec.num_layers,
        "ModelSpec::windows must have one entry a layer");
  check(spec.rope_layers.empty() || std::ssize(spec.rope_layers) == spec.num_layers,
        "ModelSpec::rope_layers must have one entry a layer");
}

}  // namespace

Family find_family(const ModelSpec& spec) {
  std::vector<std::string> known;
  for (Family& family : families()) {
    known.push_back(family.model_type);
    if (family.model_type != spec.model_type) { continue; }
    check_sizes(spec);
    if (family.check != nullptr) { family.check(spec); }
    return family;
  }
  throw InputError(cat("config.json: model_type \"", spec.model_type,
                       "\" is not supported; known types: ", join(known, ", ")));
}

void check_biases_whole(const ModelSpec& spec) {
  check_input(spec.qkv_bias == spec.o_bias && !spec.mlp_bias, "config.json: a ", spec.model_type,
              " model has biases on q_proj, k_proj, v_proj and o_proj, or none");
}

void check_no_biases(const ModelSpec& spec) {
  check_input(!spec.qkv_bias && !spec.o_bias && !spec.mlp_bias, "config.json: a ", spec.model_type,
              " model has no biases, but this config asks for some");
}

std::vector<std::string> PartNames::qkv_parts() const {
  return qkv.empty() ? std::vector<std::string>{q, k, v} : std::vector<std::string>{qkv};
}

std::vector<std::string> PartNames::gate_up_parts() const {
  return gate_up.empty() ? std::vector<std::string>{gate, up} : std::vector<std::string>{gate_up};
}

std::string layer_prefix(const PartNames& names, std::int64_t layer) {
  return cat(names.layers, ".", layer, ".");
}

namespace {

using Kind = ParameterShape::Kind;

void add_linear(std::vector<ParameterShape>& out, const std::string& module, std::int64_t rows,
                std::int64_t columns, bool bias) {
  out.push_back({module + ".weight", {rows, columns}, Kind::kMatrix});
  if (bias) { out.push_back({module + ".bias", {rows}, Kind::kBias}); }
}

void add_norm(std::vector<ParameterShape>& out, const std::string& prefix, const std::string& name,
              std::int64_t size) {
  if (!name.empty()) { out.push_back({prefix + name + ".weight", {size}, Kind::kNorm}); }
}

void add_layer(std::vector<ParameterShape>& out, const ModelSpec& spec, const PartNames& names,
               const std::string& prefix) {
  const std::int64_t hidden = spec.hidden_size, inner = spec.intermediate_size;
  const std::int64_t q = spec.num_heads * spec.head_dim, kv = spec.num_kv_heads * spec.head_dim;
  if (names.qkv.empty()) {
    add_linear(out, prefix + names.q, q, hidden, spec.qkv_bias);
    add_linear(out, prefix + names.k, kv, hidden, spec.qkv_bias);
    add_linear(out, prefix + names.v, kv, hidden, spec.qkv_bias);
  } else {
    add_linear(out, prefix + names.qkv, q + 2 * kv, hidden, spec.qkv_bias);
  }
  add_linear(out, prefix + names.o, hidden, q, spec.o_bias);
  if (spec.qk_norm != QkNorm::kNone) {
    const bool head = spec.qk_norm == QkNorm::kHead;
    add_norm(out, prefix, names.q_norm, head ? spec.head_dim : q);
    add_norm(out, prefix, names.k_norm, head ? spec.head_dim : kv);
  }
  if (names.gate_up.empty()) {
    add_linear(out, prefix + names.gate, inner, hidden, spec.mlp_bias);
    add_linear(out, prefix + names.up, inner, hidden, spec.mlp_bias);
  } else {
    add_linear(out, prefix + names.gate_up, 2 * inner, hidden, spec.mlp_bias);
  }
  add_linear(out, prefix + names.down, hidden, inner, spec.mlp_bias);
  for (const std::string& norm :
       {names.attention_norm, names.attention_post_norm, names.mlp_norm, names.mlp_post_norm}) {
    add_norm(out, prefix, norm, hidden);
  }
}

}  // namespace

std::vector<ParameterShape> parameter_shapes(const ModelSpec& spec, const PartNames& names) {
  std::vector<ParameterShape> out;
  out.push_back({names.embedding + ".weight", {spec.vocab_size, spec.hidden_size}, Kind::kMatrix});
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer) {
    add_layer(out, spec, names, layer_prefix(names, layer));
  }
  out.push_back({names.final_norm + ".weight", {spec.hidden_size}, Kind::kNorm});
  if (spec.is_reward_model()) {
    out.push_back({names.score + ".weight", {spec.num_labels, spec.hidden_size}, Kind::kMatrix});
  } else if (!spec.tie_word_embeddings) {
    out.push_back({names.head + ".weight", {spec.vocab_size, spec.hidden_size}, Kind::kMatrix});
  }
  return out;
}

}  // namespace una::model
