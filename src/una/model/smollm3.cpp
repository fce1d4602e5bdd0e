#include "una/base/error.h"
#include "una/model/family.h"

namespace una::model {
namespace {

void check_smollm3(const ModelSpec& spec) {
  check_input(spec.qkv_bias == spec.o_bias,
              "config.json: a smollm3 model has biases on q_proj, k_proj, v_proj and o_proj, or none");
}

}  // namespace

Family smollm3_family();
Family smollm3_family() { return {.model_type = "smollm3", .check = check_smollm3}; }

}  // namespace una::model
