#include "una/base/error.h"
#include "una/model/family.h"

namespace una::model {
namespace {

void check_mistral(const ModelSpec& spec) {
  check_input(!spec.qkv_bias && !spec.o_bias && !spec.mlp_bias,
              "config.json: a mistral model has no biases, but this config asks for some");
}

}  // namespace

Family mistral_family() { return {.model_type = "mistral", .check = check_mistral}; }

}  // namespace una::model
