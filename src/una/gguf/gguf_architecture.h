#pragma once

#include <string>
#include <string_view>

#include "una/core/model_spec.h"
#include "una/gguf/gguf_writer.h"

namespace una::gguf {

// Where llama.cpp's graph of a family takes the head from.
enum class GgufHead : std::uint8_t {
  kEither,     // output.weight, or the embedding where that is absent
  kWritten,    // output.weight only: a tied head is written as a copy of the embedding
  kEmbedding,  // the embedding only
};

// How llama.cpp computes a family: its name of the architecture, and what it has that llama's graph lacks, or the other
// way round. The facts are those of llama.cpp 0.5 (src/models/*.cpp, llama_model_rope_type, conversion/*.py).
struct GgufArchitecture {
  std::string_view model_type;  // Hugging Face's
  std::string_view name;        // llama.cpp's
  std::string_view activation = "silu";
  bool any_gelu = false;                   // its tanh form serves the exact one too
  std::string_view mlp_norm = "ffn_norm";  // its name of the norm before the MLP
  std::string_view final_norm = "output_norm";
  GgufHead head = GgufHead::kEither;
  bool neighbours =
      false;  // rope turns dimensions 2i and 2i + 1 of a head together, instead of i and i + D/2
  bool own_head_size = true;   // heads need not make up the hidden size
  bool partial_rope = false;   // rope may turn a part of each head
  bool rope_factors = false;   // reads rope_freqs.weight (llama3)
  bool whole_factors = false;  // reads them in every model, in the layers without a window (gemma4)
  bool long_factors = false;   // reads rope_factors_long.weight and rope_factors_short.weight (longrope)
  bool o_bias = false, mlp_bias = false;  // reads these biases; every graph reads those of q, k and v
  bool norm_plus_one = false;             // the file's norms are Hugging Face's + 1
  bool windows = false;                   // its layers slide or not one by one
  bool rounds_yarn = false;               // also takes yarn without truncation, and truncates it
  // InputError where the graph fixes what the spec has otherwise.
  void (*check)(const ModelSpec& spec, const std::string& what) = nullptr;
  // Adds the keys that only this architecture has.
  void (*add_keys)(const ModelSpec& spec, const std::string& name, GgufMetadata& out) = nullptr;
};

// The architecture of spec.model_type, after checking that its graph computes what the spec says. InputError naming
// `what` otherwise, for a family that llama.cpp or una's table lacks and for a reward model.
const GgufArchitecture& gguf_architecture(const ModelSpec& spec, const std::string& what);

}  // namespace una::gguf
