#include "una/kernels/lora_linear.h"

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/kernels/reference.h"
#include "una/kernels/testing.h"

namespace una::kernels {
namespace {

using testing::random;
using testing::Tensors;

struct Layer {
  std::int64_t rows, in;
  std::vector<std::int64_t> outs;
  std::vector<std::int64_t> ranks;  // one adapter on each part per entry
  bool bias = false;
  bool trains_full = false;  // the first part's weight and bias train
  double dropout = 0;
  double scale = 0.5;
};

std::int64_t total(const Layer& s) {
  std::int64_t sum = 0;
  for (const std::int64_t out : s.outs) sum += out;
  return sum;
}

// Inputs: x, weight, bias, then A and B of every adapter.
Tensors inputs_of(const Layer& s) {
  Tensors out{random({s.rows, s.in}, 1), random({total(s), s.in}, 2, 0.1), random({total(s)}, 3)};
  std::uint64_t seed = 10;
  for (const std::int64_t part : s.outs) {
    for (const std::int64_t rank : s.ranks) {
      out.push_back(random({rank, s.in}, seed++, 0.3));
      out.push_back(random({part, rank}, seed++, 0.3));
    }
  }
  return out;
}

using Linear = at::Tensor (*)(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                              const std::vector<LinearPart>&);

at::Tensor apply(Linear linear, const Layer& s, const Tensors& in, at::ScalarType dtype) {
  std::vector<LinearPart> parts;
  std::size_t next = 3;
  std::uint64_t key = 5;
  for (const std::int64_t out : s.outs) {
    LinearPart part{.out = out};
    if (parts.empty() && s.trains_full) {
      part.weight_master = in[1].narrow(0, 0, out);
      if (s.bias) part.bias_master = in[2].narrow(0, 0, out);
    }
    for (std::size_t i = 0; i < s.ranks.size(); ++i, next += 2) {
      part.adapters.push_back({testing::weight_of(in[next], dtype), testing::weight_of(in[next + 1], dtype),
                               s.scale * static_cast<double>(i + 1), s.dropout, key++});
    }
    parts.push_back(part);
  }
  return linear(in[0], in[1].detach().to(dtype), s.bias ? in[2].detach().to(dtype) : at::Tensor(), parts);
}

void expect_reference(const Layer& s, double factor = 1) {
  const Tensors inputs = inputs_of(s);
  std::vector<bool> master(inputs.size(), true), frozen(inputs.size(), false);
  master[0] = false;
  frozen[1] = !s.trains_full;
  frozen[2] = !(s.trains_full && s.bias);
  for (const auto dtype : testing::all_dtypes()) {
    const auto wide = dtype == at::kDouble ? at::kDouble : at::kFloat;
    testing::expect_agreement(
        {[&](const Tensors& in) { return apply(stacked_linear, s, in, dtype); },
         [&](const Tensors& in) { return apply(reference::stacked_linear, s, in, wide); }, inputs, master,
         frozen},
        dtype, factor);
  }
}

TEST(LoraLinear, AgreesWithoutAdapters) {
  expect_reference({.rows = 17, .in = 24, .outs = {20}});
  expect_reference({.rows = 1, .in = 5, .outs = {3, 2}, .bias = true});
}

TEST(LoraLinear, AgreesWithAdaptersOnStackedParts) {
  expect_reference({.rows = 65, .in = 48, .outs = {48, 16, 16}, .ranks = {8}});
  expect_reference({.rows = 130, .in = 33, .outs = {7, 40}, .ranks = {3, 32}, .bias = true, .scale = 2});
  expect_reference({.rows = 1, .in = 8, .outs = {6}, .ranks = {1}});
}

TEST(LoraLinear, AgreesWhenAPartTrainsInFull) {
  expect_reference({.rows = 40, .in = 24, .outs = {20, 12}, .ranks = {4}, .bias = true, .trains_full = true});
  expect_reference({.rows = 40, .in = 24, .outs = {20, 12}, .trains_full = true});
}

TEST(LoraLinear, AgreesWithDropout) {
  expect_reference({.rows = 40, .in = 70, .outs = {20, 12}, .ranks = {4, 2}, .dropout = 0.25});
  expect_reference({.rows = 3, .in = 600, .outs = {20}, .ranks = {4}, .dropout = 0.1});
}

TEST(LoraLinear, GradientsAreTrueByFiniteDifferences) {
  const Layer s{.rows = 6, .in = 10, .outs = {7, 5}, .ranks = {3}, .dropout = 0.3};
  Tensors inputs = inputs_of(s);
  const Tensors fixed{inputs[1], inputs[2]};
  inputs.erase(inputs.begin() + 1, inputs.begin() + 3);
  const auto op = [&](const Tensors& in) {
    Tensors all{in[0], fixed[0], fixed[1]};
    all.insert(all.end(), in.begin() + 1, in.end());
    return apply(stacked_linear, s, all, at::kDouble);
  };
  testing::expect_true_gradients(op, inputs);
}

TEST(LoraLinear, DropoutDropsItsShareAndNothingElse) {
  const at::Tensor mask = reference::dropout_mask(200, 333, 0.2, 9);
  EXPECT_NEAR(mask.eq(0).to(at::kDouble).mean().item<double>(), 0.2, 0.01);
  EXPECT_NEAR(mask.mean().item<double>(), 1, 0.01);
  EXPECT_FALSE(mask.equal(reference::dropout_mask(200, 333, 0.2, 10)));
}

TEST(LoraLinear, FrozenAdapterOnFrozenInputRecordsNothing) {
  const Weight a{random({2, 4}, 1), {}}, b{random({3, 2}, 2), {}};
  const at::Tensor y = stacked_linear(random({5, 4}, 3), random({3, 4}, 4), {}, {{3, {}, {}, {{a, b}}}});
  EXPECT_FALSE(y.requires_grad());
}

TEST(LoraLinear, NoGradModeGivesTheSameValues) {
  const Layer s{.rows = 9, .in = 10, .outs = {7, 5}, .ranks = {3}};
  Tensors in = inputs_of(s);
  for (at::Tensor& t : in) t.set_requires_grad(true);
  const at::Tensor recorded = apply(stacked_linear, s, in, at::kDouble);
  const at::NoGradGuard guard;
  const at::Tensor plain = apply(stacked_linear, s, in, at::kDouble);
  EXPECT_TRUE(plain.equal(recorded.detach()));
  EXPECT_FALSE(plain.requires_grad());
}

TEST(LoraLinear, RefusesPartsThatDoNotAddUp) {
  EXPECT_THROW(stacked_linear(random({5, 4}, 3), random({3, 4}, 4), {}, {{2, {}, {}, {}}}), InternalError);
}

}  // namespace
}  // namespace una::kernels
