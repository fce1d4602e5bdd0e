#include "una/train/flat_buffer.h"

#include <cmath>

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include "una/base/error.h"

namespace una::train {
namespace {

bool same_rule(const FlatBuffer::Span& a, const FlatBuffer::Span& b) {
  return a.decay == b.decay && a.rate == b.rate && a.frozen_steps == b.frozen_steps;
}

}  // namespace

FlatBuffer::FlatBuffer(std::vector<model::TrainableTensor> tensors) : tensors_(std::move(tensors)) {
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
  values_ = at::empty({total}, options);
  grads_ = at::zeros({total}, options);
  exp_avg_ = at::zeros({total}, options);
  exp_avg_sq_ = at::zeros({total}, options);
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    at::Tensor& master = tensors_[i].master;
    const at::Tensor view = values_.narrow(0, spans_[i].begin, spans_[i].size).view(master.sizes());
    view.copy_(master);
    master.set_data(view);
    master.mutable_grad() = grads_.narrow(0, spans_[i].begin, spans_[i].size).view(master.sizes());
  }
}

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
    const std::int64_t begin = spans_[first].begin;
    const std::int64_t size = spans_[last - 1].begin + spans_[last - 1].size - begin;
    params.weight_decay = spans_[first].decay ? whole.weight_decay : 0;
    params.learning_rate = whole.learning_rate * spans_[first].rate;
    params.step = whole.step - spans_[first].frozen_steps;
    at::Tensor value = values_.narrow(0, begin, size);
    at::Tensor mean = exp_avg_.narrow(0, begin, size);
    at::Tensor square = exp_avg_sq_.narrow(0, begin, size);
    if (params.step >= 1) { kernels::adamw_step(value, grads_.narrow(0, begin, size), mean, square, params); }
    first = last;
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
