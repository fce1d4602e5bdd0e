#include "una/train/flat_buffer.h"

#include <algorithm>
#include <cmath>

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include "una/base/error.h"

namespace una::train {
namespace {

constexpr std::int64_t kLine = 64;  // parts begin at multiples: no vector of the update straddles two

bool same_rule(const FlatBuffer::Span& a, const FlatBuffer::Span& b) {
  return a.decay == b.decay && a.rate == b.rate && a.frozen_steps == b.frozen_steps;
}

}  // namespace

FlatBuffer::FlatBuffer(std::vector<model::TrainableTensor> tensors, Part own)
    : tensors_(std::move(tensors)), own_(own) {
  check_input(!tensors_.empty(), "nothing is trainable: give the model an adapter or train it in full");
  const c10::AutoGradMode no_grad(false);
  std::int64_t total = 0;
  for (const model::TrainableTensor& tensor : tensors_) {
    check(tensor.master.scalar_type() == tensors_[0].master.scalar_type(),
          "FlatBuffer: masters of several dtypes");
    spans_.push_back(
        {tensor.name, total, tensor.master.numel(), tensor.decay, tensor.rate, tensor.frozen_steps});
    total += tensor.master.numel();
  }
  const auto options = tensors_[0].master.options().requires_grad(false);
  const std::int64_t lines = (total + kLine - 1) / kLine;
  part_length_ = own_.count == 1 ? total : (lines + own_.count - 1) / own_.count * kLine;
  values_in_parts_ = at::empty({part_length_ * own_.count}, options);
  values_ = values_in_parts_.narrow(0, 0, total);
  values_in_parts_.narrow(0, total, values_in_parts_.numel() - total).zero_();
  grads_ = at::zeros({total}, options);
  exp_avg_ = at::zeros({own_size()}, options);
  exp_avg_sq_ = at::zeros({own_size()}, options);
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    at::Tensor& master = tensors_[i].master;
    const at::Tensor view = values_.narrow(0, spans_[i].begin, spans_[i].size).view(master.sizes());
    view.copy_(master);
    master.set_data(view);
    master.mutable_grad() = grads_.narrow(0, spans_[i].begin, spans_[i].size).view(master.sizes());
  }
}

std::int64_t FlatBuffer::part_begin(int number) const {
  return std::min(values_.numel(), number * part_length_);
}

std::int64_t FlatBuffer::part_size(int number) const { return part_begin(number + 1) - part_begin(number); }

void FlatBuffer::zero_grads() {
  grads_.zero_();
  // A backward pass may have replaced a .grad instead of adding to it: then the flat view would miss it.
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    const at::Tensor& grad = tensors_[i].master.grad();
    check(grad.defined() && grad.data_ptr() == grads_.narrow(0, spans_[i].begin, spans_[i].size).data_ptr(),
          "FlatBuffer: a gradient left the flat buffer");
  }
}

void FlatBuffer::zero_frozen_grads(std::int64_t step) {
  for (const Span& span : spans_) {
    if (step <= span.frozen_steps) { grads_.narrow(0, span.begin, span.size).zero_(); }
  }
}

double FlatBuffer::grad_norm() const { return std::sqrt(kernels::sum_of_squares(grads_)); }

void FlatBuffer::update(kernels::AdamWParams params) {
  const c10::AutoGradMode no_grad(false);
  const kernels::AdamWParams whole = params;
  for (std::size_t first = 0; first < spans_.size();) {  // neighbours with the same rule in one call
    std::size_t last = first;
    while (last < spans_.size() && same_rule(spans_[last], spans_[first])) { ++last; }
    const std::int64_t begin = std::max(spans_[first].begin, own_begin());
    const std::int64_t end =
        std::min(spans_[last - 1].begin + spans_[last - 1].size, own_begin() + own_size());
    params.weight_decay = spans_[first].decay ? whole.weight_decay : 0;
    params.learning_rate = whole.learning_rate * spans_[first].rate;
    params.step = whole.step - spans_[first].frozen_steps;
    first = last;
    if (params.step < 1 || begin >= end) { continue; }
    at::Tensor value = values_.narrow(0, begin, end - begin);
    at::Tensor mean = exp_avg_.narrow(0, begin - own_begin(), end - begin);
    at::Tensor square = exp_avg_sq_.narrow(0, begin - own_begin(), end - begin);
    kernels::adamw_step(value, grads_.narrow(0, begin, end - begin), mean, square, params);
  }
}

std::vector<std::pair<std::string, double>> FlatBuffer::span_norms() const {
  std::vector<std::pair<std::string, double>> norms;
  for (const Span& span : spans_) {
    norms.emplace_back(span.name,
                       std::sqrt(kernels::sum_of_squares(grads_.narrow(0, span.begin, span.size))));
  }
  return norms;
}

}  // namespace una::train
