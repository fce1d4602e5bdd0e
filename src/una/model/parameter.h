#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include "una/core/packed_matrix.h"
#include "una/kernels/weight.h"

namespace una::model {

// One named tensor of a model or an adapter in up to three forms. Arithmetic uses `value`, which may be the
// stored tensor itself (a read-only mapping: never change it in place), the master, or a row view of a fused
// tensor. A frozen parameter has no master.
struct Parameter {
  std::string name;   // as in files
  at::Tensor stored;  // as loaded, any dtype, on the CPU; undefined once a master holds the values
  at::Tensor value;   // compute dtype, on the model's device
  at::Tensor master;  // fp32 (fp64 when the compute dtype is fp64), a leaf that requires grad, same device
  // A quantised matrix of a frozen base, whose dtype is the compute dtype: the three above are undefined.
  std::shared_ptr<const PackedMatrix> packed = nullptr;
  bool decay = true;

  bool trains() const { return master.defined(); }
  std::int64_t rows() const { return packed ? packed->rows : value.size(0); }
  std::int64_t columns() const { return packed ? packed->columns : value.size(1); }
  kernels::Weight weight() const { return {value, master}; }
  at::Tensor present() const;  // the value in the compute dtype; of a quantised matrix a new tensor
  // The values for a file, on the CPU: the master's, else the stored tensor's, else the expanded values
  // of the quantised matrix.
  at::Tensor full() const;
  void refresh();  // value := master
};

// fp64 for fp64 models (finite differences), else fp32.
at::ScalarType master_dtype(at::ScalarType compute);

// The device and dtype that a model computes with.
struct Placement {
  at::ScalarType compute = at::kFloat;
  at::Device device = at::kCPU;

  Placement wide() const { return {master_dtype(compute), device}; }  // for heads and magnitudes
};

// Uses `stored` itself when it needs no conversion and does not train, else a copy.
Parameter make_parameter(const std::string& name, const at::Tensor& stored, const Placement& placement,
                         bool trains, bool decay);

// A frozen matrix, quantised from its values in the compute dtype. `stored` may be freed afterwards. InputError
// for a number that is not finite.
Parameter make_quantised(const std::string& name, const at::Tensor& stored, const Placement& placement,
                         const Quantisation& how);

// Makes a frozen parameter trainable, starting from its current values.
void start_training(Parameter& parameter, const Placement& placement);

// Stacks the values of `parts` by rows into one new tensor [sum rows, ...]; each part's value becomes a view
// of it. A single part is not copied. None may be quantised.
at::Tensor fuse_rows(const std::vector<Parameter*>& parts);

}  // namespace una::model
