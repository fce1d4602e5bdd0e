#pragma once

#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/core/model_spec.h"
#include "una/weights/gguf_writer.h"

namespace una::weights {

// What llama.cpp reads of a model, beside its tokenizer.
struct GgufModel {
  GgufMetadata metadata;  // general.* and the hyper-parameters
  std::vector<GgufTensor> tensors;
  std::vector<std::string> as_f16;  // matrices whose rows are no whole blocks of the type that was asked for
};

// InputError naming `what` for a model that llama.cpp would compute otherwise, or not at all: a family other
// than llama, mistral and qwen2, a reward model, an activation, rope or head size that its graph of the
// family lacks.
void check_gguf_spec(const ModelSpec& spec, const std::string& what);

// What the file cannot say though the model may still be exported (a sliding window); sentences for a
// warning.
std::vector<std::string> gguf_losses(const ModelSpec& spec);

// `tensors` under Hugging Face's names, all of the model, a tied head left out; `name` is general.name. The
// rows of q and k (and their biases) of llama and mistral are put into llama.cpp's order, which turns
// neighbouring dimensions of a head together and not dimension i with i + D/2. Matrices get `type`, norms and
// biases stay F32; the frequencies of llama3's rope become the tensor rope_freqs.weight. Checks the spec
// first.
GgufModel gguf_model(const ModelSpec& spec, const std::vector<std::pair<std::string, at::Tensor>>& tensors,
                     GgmlType type, const std::string& name);

}  // namespace una::weights
