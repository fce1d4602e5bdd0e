#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "una/core/model_spec.h"
#include "una/core/packed_batch.h"
#include "una/model/linear.h"
#include "una/model/model.h"
#include "una/model/parameter.h"

namespace una::model {

// What every layer of one call shares.
struct LayerCall {
  at::Tensor cos, sin;  // [T, D/2] fp32
  std::shared_ptr<const std::vector<Segment>> segments;
  AdapterUse use;
  KvCache* cache = nullptr;  // keys and values go to `slots` of it, and are read from it
  at::Tensor slots;          // [T] int64
};

// One decoder layer: x + attention(norm(x)), then x + mlp(norm(x)).
class DecoderLayer {
 public:
  struct Parts {
    std::int64_t number = 0;
    Parameter* attention_norm = nullptr;
    Parameter* mlp_norm = nullptr;
    StackedLinear qkv, o, gate_up, down;
  };
  DecoderLayer(const ModelSpec& spec, Parts parts);
  at::Tensor forward(const at::Tensor& x, const LayerCall& call) const;  // [T, C] -> [T, C]

 private:
  at::Tensor attend(const at::Tensor& normed, const LayerCall& call) const;

  Parts parts_;
  std::int64_t heads_, kv_heads_, head_dim_, window_;
  double norm_eps_;
};

}  // namespace una::model
