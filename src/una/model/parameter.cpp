#include "una/model/parameter.h"

#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>

#include "una/base/error.h"
#include "una/base/os/heap.h"
#include "una/kernels/packed/expand.h"
#include "una/kernels/packed/quantise.h"
#include "una/model/name_check.h"

namespace una::model {

at::Tensor Parameter::full() const {
  if (packed) { return kernels::expanded(*packed).cpu(); }
  return trains() ? master.detach().cpu() : stored;
}

at::Tensor Parameter::present() const { return packed ? kernels::expanded(*packed) : value; }

void Parameter::refresh() {
  if (!trains() || value.is_same(master)) { return; }
  const at::NoGradGuard no_grad;
  value.copy_(master);
}

at::ScalarType master_dtype(at::ScalarType compute) {
  return compute == at::kDouble ? at::kDouble : at::kFloat;
}

Parameter make_parameter(const std::string& name, const at::Tensor& stored, const Placement& placement,
                         bool trains, bool decay) {
  Parameter out{.name = name, .stored = stored, .value = {}, .master = {}, .decay = decay};
  if (trains) {
    start_training(out, placement);
  } else {
    out.value = stored.to(placement.device, placement.compute).contiguous();
  }
  return out;
}

Parameter make_quantised(const std::string& name, const at::Tensor& stored, const Placement& placement,
                         const Quantisation& how) {
  const bool wide = placement.compute == at::kDouble;  // bitsandbytes has no scales in fp64
  const at::Tensor values = stored.to(wide ? at::kFloat : placement.compute);
  check_finite(values, name, "the base model");
  PackedMatrix matrix = kernels::moved(kernels::quantise(values, how), placement.device);
  matrix.dtype = placement.compute;
  Parameter out;
  out.name = name;
  out.packed = std::make_shared<const PackedMatrix>(std::move(matrix));
  return out;
}

void start_training(Parameter& parameter, const Placement& placement) {
  if (parameter.trains()) { return; }
  check(parameter.packed == nullptr, "start_training: a quantised matrix cannot train");
  const at::ScalarType dtype = master_dtype(placement.compute);
  const at::NoGradGuard no_grad;
  parameter.master = parameter.stored.to(placement.device, dtype, false, /*copy=*/true).contiguous();
  parameter.master.set_requires_grad(true);
  parameter.value =
      placement.compute == dtype ? parameter.master : parameter.master.detach().to(placement.compute);
  parameter.stored = at::Tensor();
}

at::Tensor fuse_rows(const std::vector<Parameter*>& parts) {
  if (parts.size() == 1) { return parts[0]->value; }
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> values;
  for (const Parameter* part : parts) { values.push_back(part->value.detach()); }
  std::vector<std::int64_t> shape = values[0].sizes().vec();
  shape[0] = 0;
  for (const at::Tensor& value : values) { shape[0] += value.size(0); }
  at::Tensor fused = at::empty(shape, values[0].options().requires_grad(false));
  if (fused.is_cpu()) { prefer_huge_pages(fused.mutable_data_ptr(), fused.nbytes()); }
  at::cat_out(fused, values, 0);
  std::int64_t row = 0;
  for (Parameter* part : parts) {
    const std::int64_t rows = part->value.size(0);
    part->value = fused.narrow(0, row, rows);
    row += rows;
  }
  return fused;
}

}  // namespace una::model
