// Gemma 1 to 3: norms count from one, the embedding is scaled; from 2 on four norms a layer.
#include "una/base/error.h"
#include "una/model/family.h"

namespace una::model {
namespace {

void check_gemma(const ModelSpec& spec) {
  check_biases_whole(spec);
  check_input(spec.norm_style == NormStyle::kPlusOne, "config.json: a gemma model's norms multiply by 1 + w");
}

void check_gemma3(const ModelSpec& spec) {
  check_gemma(spec);
  check_input(spec.qk_norm == QkNorm::kHead, "config.json: a gemma3 model norms each query and key head");
}

PartNames four_norms() {
  PartNames names;
  names.attention_post_norm = "post_attention_layernorm";
  names.mlp_norm = "pre_feedforward_layernorm";
  names.mlp_post_norm = "post_feedforward_layernorm";
  return names;
}

}  // namespace

Family gemma_family();
Family gemma_family() { return {.model_type = "gemma", .check = check_gemma}; }

Family gemma2_family();
Family gemma2_family() { return {.model_type = "gemma2", .names = four_norms(), .check = check_gemma}; }

Family gemma3_family();
Family gemma3_family() { return {.model_type = "gemma3_text", .names = four_norms(), .check = check_gemma3}; }

}  // namespace una::model
