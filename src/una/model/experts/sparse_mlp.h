#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "una/core/model_spec.h"
#include "una/kernels/experts.h"
#include "una/model/experts/router_tally.h"
#include "una/model/linear.h"
#include "una/model/parameter.h"

namespace una::model {

// The MLP of a sparse layer: a router and its experts. The router's logits are computed in fp32 (fp64), so that rounding
// makes no ties. Frozen experts take no gradient, but the choice's weights pass theirs on to x. Does not own its
// parameters, which must outlive it.
class SparseMlp {
 public:
  // One expert's parameters; gate's and up's values become views of one matrix, those of their biases of one vector.
  struct Part {
    Parameter *gate = nullptr, *up = nullptr, *down = nullptr;
    Parameter *gate_bias = nullptr, *up_bias = nullptr, *down_bias = nullptr;  // null: none
  };
  struct Router {
    Parameter *weight = nullptr, *bias = nullptr;  // a null bias: none
  };
  struct Place {
    std::int64_t layer = 0;
    std::size_t first_linear = 0;  // the index of gate and up in the model's list of linears; down follows
    bool interleaved = false;      // the rows of gate and up alternate in adapters
  };
  SparseMlp(const MoeSpec& spec, Place place, Router router, std::vector<Part> parts);
  // x [T, C] -> [T, C]. `tally`: may be null. `origin`: how to recompute x.
  at::Tensor forward(const at::Tensor& x, const kernels::Activation& activation, const AdapterUse& use,
                     const std::shared_ptr<RouterTally>& tally, const kernels::InputOrigin& origin) const;

 private:
  at::Tensor logits(const at::Tensor& x, const kernels::InputOrigin& origin) const;
  kernels::Experts experts(const AdapterUse& use) const;  // of this call: masters may have been rebound

  Place place_;
  std::int64_t count_;  // experts per token
  bool normed_;
  Router router_;
  std::vector<Part> parts_;
  std::vector<at::Tensor> gate_up_, gate_up_bias_;  // [2 I, C] and [2 I] of each expert, compute dtype
};

}  // namespace una::model
