#include "una/base/error.h"
#include "una/model/family.h"

namespace una::model {
namespace {

void check_olmo2(const ModelSpec& spec) {
  check_biases_whole(spec);
  check_input(spec.qk_norm == QkNorm::kProjection,
              "config.json: an olmo2 model norms the whole query and key projections");
}

PartNames names() {
  PartNames out;
  out.attention_norm = "";
  out.attention_post_norm = "post_attention_layernorm";
  out.mlp_norm = "";
  out.mlp_post_norm = "post_feedforward_layernorm";
  return out;
}

}  // namespace

Family olmo2_family();
Family olmo2_family() { return {.model_type = "olmo2", .names = names(), .check = check_olmo2}; }

}  // namespace una::model
