#pragma once

#include <string>
#include <string_view>

#include <ATen/core/Tensor.h>

#include "una/core/model_spec.h"
#include "una/gguf/gguf_writer.h"
#include "una/weights/part_names.h"

// Gated delta rules as llama.cpp's qwen35 reads them (conversion/qwen.py). Its graph repeats key heads over value heads as
// tiles, so value head (key head i, j of its group) of Hugging Face's order is head j x key heads + i there.
namespace una::gguf {

// The rows of a tensor of `module` in llama.cpp's order: of the linears before the rule, its convolution, A_log and dt_bias.
// Other tensors stay.
at::Tensor gguf_delta_rows(const ModelSpec& spec, const weights::PartNames& names, std::string_view module,
                           const at::Tensor& tensor);
// The columns of the linear behind the rule (or of an adapter's A there).
at::Tensor gguf_delta_columns(const ModelSpec& spec, const weights::PartNames& names, std::string_view module,
                              const at::Tensor& tensor);

// Adds the keys of qwen35 that no other architecture has.
void add_gguf_delta_keys(const ModelSpec& spec, const std::string& name, GgufMetadata& out);
// InputError naming `what` where llama.cpp's graph has it otherwise.
void check_gguf_delta(const ModelSpec& spec, const std::string& what);

}  // namespace una::gguf
