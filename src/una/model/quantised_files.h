#pragma once

#include <string>

#include <ATen/core/Tensor.h>

#include "una/weights/safetensors.h"

namespace una::model {

// The tensors of a folder whose matrices are quantised, as the values that they encode. Four forms, told by the names
// and dtypes of the tensors:
// - FP8 in blocks of 128 x 128 (transformers' FineGrainedFP8): X.weight in float8_e4m3fn, its factors in
//   X.weight_scale_inv; the product in fp32, rounded once to `dtype`;
// - 4 bits (bitsandbytes' NF4 and FP4): codes in X.weight, the rest in X.weight.absmax, .quant_map, .nested_* and
//   .quant_state.bitsandbytes__*; the values that its dequantize_4bit gives, in the dtype that it noted;
// - 8 bits (bitsandbytes' int8): X.weight and X.SCB, int8_vectorwise_dequant in `dtype`;
// - MXFP4 (gpt_oss's experts): X_proj_blocks [E, out, blocks, 16] and X_proj_scales in bytes, the values of transformers'
//   convert_moe_packed_tensors as X_proj [E, in, out] in `dtype`.
// Other tensors stay as they are, and so does a folder without any of these. InputError naming `what` and the tensor for
// parts that are missing or do not fit.
weights::StateDict with_plain_weights(const weights::StateDict& stored, at::ScalarType dtype,
                                      const std::string& what);

}  // namespace una::model
