#include "una/base/error.h"
#include "una/model/family.h"

namespace una::model {
namespace {

void check_qwen3(const ModelSpec& spec) {
  check_biases_whole(spec);
  check_input(spec.qk_norm == QkNorm::kHead, "config.json: a qwen3 model norms each query and key head");
}

}  // namespace

Family qwen3_family();
Family qwen3_family() { return {.model_type = "qwen3", .check = check_qwen3}; }

}  // namespace una::model
