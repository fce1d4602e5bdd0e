#include "una/gguf/gguf_gemma4.h"

#include <algorithm>
#include <cstdint>

#include "una/base/error.h"
#include "una/gguf/gguf_numbers.h"

namespace una::gguf {
namespace {

// Layers that share keys read those of the last two layers before them: a sliding one of the first of the two, a full one
// of the second.
void check_shared_keys(const ModelSpec& spec, const std::string& what) {
  const std::int64_t first = spec.num_layers - spec.gemma4.kv_shared_layers;
  for (std::int64_t layer = first; layer < spec.num_layers; ++layer) {
    const std::int64_t read = first - (spec.is_full(layer) ? 1 : 2);
    check_input(spec.kv_layer(layer) == read, what, ": llama.cpp's gemma4 gives layer ", layer,
                " the keys and values of layer ", read, "; this model those of layer ", spec.kv_layer(layer));
  }
}

}  // namespace

void check_gguf_gemma4(const ModelSpec& spec, const std::string& what) {
  const bool slides =
      std::any_of(spec.windows.begin(), spec.windows.end(), [](std::int64_t each) { return each > 0; });
  check_input(slides, what,
              ": llama.cpp's gemma4 always has layers with a sliding window; this model has none");
  check_input(spec.gemma4.input_size == 0 || spec.gemma4.input_vocab == spec.vocab_size, what,
              ": llama.cpp's gemma4 has as many rows in both embeddings; this model has ", spec.vocab_size,
              " and ", spec.gemma4.input_vocab, " (vocab_size_per_layer_input)");
  check_shared_keys(spec, what);
}

void add_gguf_gemma4(const ModelSpec& spec, const std::string& name, GgufMetadata& out) {
  out.emplace_back(name + ".attention.key_length_swa", u32(spec.head_dim));
  out.emplace_back(name + ".attention.value_length_swa", u32(spec.head_dim));
  out.emplace_back(name + ".attention.shared_kv_layers", u32(spec.gemma4.kv_shared_layers));
  out.emplace_back(name + ".embedding_length_per_layer_input", u32(spec.gemma4.input_size));
  out.emplace_back(name + ".rope.dimension_count_swa", u32(spec.head_dim));
  out.emplace_back(name + ".rope.freq_base_swa", f32(spec.local_rope.theta));
  // 0: none. Without the key llama.cpp caps at 30.
  out.emplace_back(name + ".final_logit_softcapping", f32(spec.logit_soft_cap));
}

}  // namespace una::gguf
