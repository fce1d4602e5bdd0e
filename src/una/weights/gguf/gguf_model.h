#pragma once

#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/core/model_spec.h"
#include "una/weights/gguf/gguf_writer.h"

namespace una::weights {

// A model as llama.cpp reads it, without its tokenizer.
struct GgufModel {
  GgufMetadata metadata;  // general.* and the hyper-parameters
  std::vector<GgufTensor> tensors;
  std::vector<std::string> as_f16;  // matrices whose rows are not whole blocks of the requested type
};

// InputError naming `what` for a model that llama.cpp would compute differently, or not at all: a family
// other than llama, mistral and qwen2, a reward model, or an activation, rope or head size that its graph of
// the family lacks.
void check_gguf_spec(const ModelSpec& spec, const std::string& what);

// Properties that the file cannot express although the model can be exported (a sliding window), as sentences
// for warnings.
std::vector<std::string> gguf_losses(const ModelSpec& spec);

// Converts all tensors of a model, under Hugging Face's names and without a tied head; `name` is
// general.name. The rows of q and k (and their biases) of llama and mistral are reordered for llama.cpp,
// which rotates adjacent dimensions of a head together instead of dimensions i and i + D/2. Matrices get
// `type`, norms and biases stay F32; the frequencies of llama3's rope become the tensor rope_freqs.weight.
// Checks the spec first.
GgufModel gguf_model(const ModelSpec& spec, const std::vector<std::pair<std::string, at::Tensor>>& tensors,
                     GgmlType type, const std::string& name);

}  // namespace una::weights
