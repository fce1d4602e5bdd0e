#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/kernels/adamw.h"
#include "una/model/model.h"

namespace una::train {

// Which of several equal parts of the flat tensors is a rank's.
struct FlatPart {
  int number = 0, count = 1;
};

// Everything an optimiser changes, in one flat tensor each: parameters, gradients, AdamW's two moments. The model's
// masters become views of the first and their .grad views of the second, so clipping, the update and a reduction
// over ranks are one call each. Spans hold what differs between tensors. Not thread-safe.
//
// The moments may be split over ranks (ZeRO stage 1, arXiv 1910.02054): values and gradients are whole, but this rank has
// the moments of one of several equal parts, and update() changes the values of that part alone.
class FlatBuffer {
 public:
  // One tensor's part of the flat tensors, and its rule.
  struct Span {
    std::string name;
    std::int64_t begin = 0, size = 0;
    bool decay = true;
    double rate = 1;                // of the run's learning rate
    std::int64_t frozen_steps = 0;  // frozen for so many updates: values and moments stay
  };

  using Part = FlatPart;

  // Rebinds the masters' storage (values are kept). All of one dtype, fp32 (fp64 in tests), on one device.
  explicit FlatBuffer(std::vector<model::TrainableTensor> tensors, Part own = {});

  std::int64_t size() const { return values_.numel(); }
  const std::vector<Span>& spans() const { return spans_; }
  at::Tensor& values() { return values_; }
  const at::Tensor& values() const { return values_; }
  at::Tensor& grads() { return grads_; }
  int parts() const { return own_.count; }
  std::int64_t part_begin(int number) const;
  std::int64_t part_size(int number) const;  // the last ones may be shorter than the others, or empty
  std::int64_t own_begin() const { return part_begin(own_.number); }
  std::int64_t own_size() const { return part_size(own_.number); }
  // The parts of equal length one behind the other, for Gang::gather_parts: values() and some unused numbers behind.
  at::Tensor& values_in_parts() { return values_in_parts_; }
  at::Tensor& exp_avg() { return exp_avg_; }  // [own_size()]
  at::Tensor& exp_avg_sq() { return exp_avg_sq_; }

  void zero_grads();
  // Zeroes the gradients of the spans that are frozen at update number `step` (from 1), so that the norm covers only
  // those that move.
  void zero_frozen_grads(std::int64_t step);
  double grad_norm() const;  // NaN or inf carry through
  // One AdamW update with the gradient multiplied by `params.gradient_scale`; weight decay only on spans with
  // `decay`. A span that was frozen counts its own updates, since AdamW's bias correction belongs to its moments.
  void update(kernels::AdamWParams params);
  // Gradient norm of each span, by name: for naming what went wrong.
  std::vector<std::pair<std::string, double>> span_norms() const;

 private:
  std::vector<model::TrainableTensor> tensors_;
  std::vector<Span> spans_;
  Part own_;
  std::int64_t part_length_ = 0;
  at::Tensor values_in_parts_, values_, grads_;
  at::Tensor exp_avg_, exp_avg_sq_;  // of the own part
};

}  // namespace una::train
