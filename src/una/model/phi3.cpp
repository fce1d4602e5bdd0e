#include "una/model/family.h"

namespace una::model {
namespace {

PartNames names() {
  PartNames out;
  out.qkv = "self_attn.qkv_proj";
  out.gate_up = "mlp.gate_up_proj";
  return out;
}

}  // namespace

// PEFT names no default for phi3: the one linear that holds q and v stands for them.
Family phi3_family();
Family phi3_family() {
  return {.model_type = "phi3", .names = names(), .default_targets = {"qkv_proj"}, .check = check_no_biases};
}

}  // namespace una::model
