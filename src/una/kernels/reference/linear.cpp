#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/tanh.h>

#include "una/base/rng.h"
#include "una/kernels/reference.h"

namespace una::kernels::reference {
namespace {

at::Tensor value(const Weight& w) { return w.trains() ? w.master.to(w.value.scalar_type()) : w.value; }

std::uint64_t mix(std::uint64_t x) {  // SplitMix64
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

at::Tensor dropped(const at::Tensor& x, const LoraTerm& term) {
  if (term.dropout == 0) { return x; }
  return x * dropout_mask(x.size(0), x.size(1), term.dropout, term.dropout_key).to(x.scalar_type());
}

// An adapter's contribution to its part; DoRA as in PEFT's tuners/lora/dora.py.
at::Tensor term_output(const at::Tensor& x, const at::Tensor& weight, const LoraTerm& term) {
  const at::Tensor in = dropped(x, term);
  at::Tensor lora = at::matmul(at::matmul(in, value(term.a).t()), value(term.b).t()) * term.scale;
  if (!term.gain.defined()) { return lora; }
  const at::Tensor gain = term.magnitude_master.defined() ? term.magnitude_master / term.norm : term.gain;
  return (gain - 1) * at::matmul(in, weight.t()) + gain * lora;
}

}  // namespace

at::Tensor dora_norm(const at::Tensor& weight, const at::Tensor& a, const at::Tensor& b, double scale) {
  return (weight + scale * at::matmul(b, a)).square().sum(1).sqrt();
}

// Column c of row r is decided by 16 bits, number c % 4, of mix(key of r xor c / 4).
at::Tensor dropout_mask(std::int64_t rows, std::int64_t cols, double dropout, std::uint64_t dropout_key) {
  at::Tensor mask = at::empty({rows, cols}, at::kDouble);
  auto* out = mask.mutable_data_ptr<double>();
  const auto threshold = static_cast<std::uint64_t>(dropout * 65536);
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::uint64_t key =
        random_bits(dropout_key, stream_id("lora_dropout"), static_cast<std::uint64_t>(r));
    for (std::int64_t c = 0; c < cols; ++c) {
      const std::uint64_t part = mix(key ^ static_cast<std::uint64_t>(c / 4)) >> (16 * (c % 4)) & 0xffffU;
      *out++ = part < threshold ? 0 : 1 / (1 - dropout);
    }
  }
  return mask;
}

at::Tensor stacked_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                          const std::vector<LinearPart>& parts) {
  std::vector<at::Tensor> outputs;
  std::int64_t begin = 0;
  for (const LinearPart& part : parts) {
    const bool full = part.weight_master.defined();
    const at::Tensor part_weight =
        full ? part.weight_master.to(x.scalar_type()) : weight.narrow(0, begin, part.out);
    at::Tensor y = at::matmul(x, part_weight.t());
    if (bias.defined()) {
      y = y + (part.bias_master.defined() ? part.bias_master.to(x.scalar_type())
                                          : bias.narrow(0, begin, part.out));
    }
    for (const LoraTerm& term : part.adapters) { y = y + term_output(x, part_weight, term); }
    outputs.push_back(y);
    begin += part.out;
  }
  return at::cat(outputs, 1);
}

PolicyOutput linear_logps(const at::Tensor& hidden, const Weight& weight, const at::Tensor& targets,
                          const PolicyWants& wants, const HeadParams& params) {
  at::Tensor logits = at::matmul(hidden, value(weight).t());
  if (logits.scalar_type() != at::kDouble) { logits = logits.to(at::kFloat); }
  if (params.soft_cap > 0) { logits = at::tanh(logits / params.soft_cap) * params.soft_cap; }
  logits = logits / (params.temperature != 1 ? params.temperature : wants.temperature);
  const at::Tensor logps = at::log_softmax(logits, -1);
  PolicyOutput out;
  out.logp = logps.gather(1, targets.unsqueeze(1)).squeeze(1);
  if (!wants.statistics) { return out; }
  out.entropy = -(logps.exp() * logps).sum(-1).detach();
  out.mean_logit = logits.mean(-1).detach();
  out.greedy = (std::get<0>(logits.max(-1)) == logits.gather(1, targets.unsqueeze(1)).squeeze(1)).detach();
  return out;
}

}  // namespace una::kernels::reference
