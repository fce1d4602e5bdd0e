#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "una/core/model_spec.h"
#include "una/weights/part_names.h"

namespace una::model {

using weights::PartNames;

// One tensor that a checkpoint must hold.
struct ParameterShape {
  // Decides the initial values and whether weight decay applies (not to norms and biases). A router is a matrix that is
  // computed in fp32, as is its bias; matrices alone may be quantised. The weight of a gated norm counts from 0 in every
  // NormStyle. A buffer never trains.
  enum class Kind : std::uint8_t {
    kMatrix,
    kRouter,
    kRouterBias,
    kConvolution,
    kNorm,
    kGatedNorm,
    kBias,
    kBuffer
  };
  bool of_router() const { return kind == Kind::kRouter || kind == Kind::kRouterBias; }
  std::string name;
  std::vector<std::int64_t> shape;
  Kind kind = Kind::kMatrix;
};

// Whether a layer's MLP reads attention's norm instead of one of its own.
inline bool shares_norm(const ModelSpec& spec) { return spec.parallel_block && !spec.parallel_mlp_norm; }

// The linears that read a layer's normed input (q, k and v, or what the layer has in their place), and the one behind.
std::vector<std::string> mixer_inputs(const ModelSpec& spec, const PartNames& names, std::int64_t layer);
const std::string& mixer_output(const ModelSpec& spec, const PartNames& names, std::int64_t layer);

// All of them in Hugging Face's order: embedding, layers, final norm, then "score", or "lm_head" unless tied.
std::vector<ParameterShape> parameter_shapes(const ModelSpec& spec, const PartNames& names);

}  // namespace una::model
