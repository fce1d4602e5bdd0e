#include "una/base/error.h"
#include "una/model/family.h"

namespace una::model {
namespace {

void check_qwen2(const ModelSpec& spec) {
  check_input(spec.qkv_bias && !spec.o_bias && !spec.mlp_bias,
              "config.json: a qwen2 model has biases on q_proj, k_proj and v_proj and nowhere else");
}

}  // namespace

Family qwen2_family();
Family qwen2_family() { return {.model_type = "qwen2", .check = check_qwen2}; }

}  // namespace una::model
