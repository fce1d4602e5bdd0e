#pragma once

#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/core/model_spec.h"
#include "una/gguf/gguf_architecture.h"
#include "una/gguf/gguf_writer.h"

namespace una::gguf {

// A model as llama.cpp reads it, without its tokenizer.
struct GgufModel {
  GgufMetadata metadata;  // general.* and the hyper-parameters
  std::vector<GgufTensor> tensors;
  std::vector<std::string> as_f16;  // matrices whose rows are not whole blocks of the requested type
};

// InputError naming `what` for a model that llama.cpp would compute differently, or not at all (gguf_architecture).
void check_gguf_spec(const ModelSpec& spec, const std::string& what);

// What the file cannot express although the model can be exported (a sliding window where llama.cpp's graph has none,
// the choice of longrope's factors), as sentences for warnings.
std::vector<std::string> gguf_losses(const ModelSpec& spec);

// The rows of a projection in llama.cpp's order, of whatever width: where its rope turns adjacent dimensions of a head
// together and the model's dimensions i and i + D/2, each head of q_proj and k_proj (and of their biases) is reordered; and
// the value heads of gated delta rules (gguf_delta.h).
// A view with more dimensions; other modules' tensors as they are.
at::Tensor gguf_rows(const ModelSpec& spec, const std::string& module, const at::Tensor& tensor);

// The keys general.*; `kind` is general.type.
GgufMetadata gguf_general(const GgufArchitecture& arch, GgmlType type, const std::string& name,
                          const std::string& kind);

// Appends a tensor of `type`: vectors stay F32, and a matrix whose rows are not whole blocks becomes F16 and is listed.
void add_gguf_tensor(GgufModel& out, const std::string& name, const at::Tensor& data,
                     std::vector<std::int64_t> shape, GgmlType type);

// Converts all tensors of a model, under Hugging Face's names and without a tied head; `name` is general.name.
// Gemma's norms become w + 1. Matrices get `type`, norms and biases stay F32; a tied head is written only where
// llama.cpp wants it; rope's factors become tensors of their own. Checks the spec first.
GgufModel gguf_model(const ModelSpec& spec, const std::vector<std::pair<std::string, at::Tensor>>& tensors,
                     GgmlType type, const std::string& name);

}  // namespace una::gguf
