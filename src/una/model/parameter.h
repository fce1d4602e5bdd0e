#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include "una/kernels/weight.h"

namespace una::model {

// One named tensor of a model or an adapter in its up to three forms. `value` is what arithmetic uses; it may
// be the stored tensor itself (a read-only mapping: never changed in place), the master, or a row view of a
// fused tensor. A frozen parameter has no master.
struct Parameter {
  std::string name;   // as in files
  at::Tensor stored;  // as it came, any dtype, on the CPU; undefined once a master holds it
  at::Tensor value;   // compute dtype, on the model's device
  at::Tensor master;  // fp32 (fp64 when the compute dtype is fp64), a leaf that requires grad, there too
  bool decay = true;

  bool trains() const { return master.defined(); }
  kernels::Weight weight() const { return {value, master}; }
  // What a file should hold, on the CPU: the master's values, else the stored tensor.
  at::Tensor full() const;
  void refresh();  // value := master
};

// fp64 for fp64 models (finite differences), else fp32.
at::ScalarType master_dtype(at::ScalarType compute);

// Where a model's parameters are computed with, and as what.
struct Placement {
  at::ScalarType compute = at::kFloat;
  at::Device device = at::kCPU;

  Placement wide() const { return {master_dtype(compute), device}; }  // of heads and magnitudes
};

// `stored` is taken as it is when it needs no conversion and does not train; else copied.
Parameter make_parameter(const std::string& name, const at::Tensor& stored, const Placement& placement,
                         bool trains, bool decay);

// Turns a frozen parameter into one that trains from its present values.
void start_training(Parameter& parameter, const Placement& placement);

// The values of `parts` stacked by rows into one new tensor [sum rows, ...], of which each part's value
// becomes a view. One part alone is left where it is.
at::Tensor fuse_rows(const std::vector<Parameter*>& parts);

}  // namespace una::model
