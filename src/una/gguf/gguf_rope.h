#pragma once

#include <string>
#include <vector>

#include "una/core/model_spec.h"
#include "una/gguf/gguf_architecture.h"
#include "una/gguf/gguf_writer.h"

// Rope as llama.cpp reads it: keys, and tensors where every frequency has a factor of its own.
namespace una::gguf {

// InputError naming `what` for a rope that llama.cpp's graph of the family does not have.
void check_gguf_rope(const GgufArchitecture& arch, const ModelSpec& spec, const std::string& what);

// Adds rope.* .
void add_gguf_rope(const GgufArchitecture& arch, const ModelSpec& spec, GgufMetadata& out);

// rope_freqs.weight for llama3, rope_factors_long.weight and rope_factors_short.weight for longrope: what each pair's
// angle is divided by; rope_freqs.weight for all gemma4. Empty for other types.
std::vector<GgufTensor> gguf_rope_tensors(const GgufArchitecture& arch, const ModelSpec& spec);

}  // namespace una::gguf
