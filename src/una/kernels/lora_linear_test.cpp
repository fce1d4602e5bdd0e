#include "una/kernels/lora_linear.h"

#include <functional>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
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
  std::vector<std::int64_t> ranks;  // one adapter per entry on each part
  bool bias = false;
  bool trains_full = false;  // the first part's weight and bias train
  double dropout = 0;
  double scale = 0.5;
  bool dora = false;
};

std::int64_t total(const Layer& s) {
  std::int64_t sum = 0;
  for (const std::int64_t out : s.outs) { sum += out; }
  return sum;
}

// Inputs: x, weight, bias, then A, B and with DoRA the magnitude of every adapter.
Tensors inputs_of(const Layer& s) {
  Tensors out{random({s.rows, s.in}, 1), random({total(s), s.in}, 2, 0.1), random({total(s)}, 3)};
  std::uint64_t seed = 10;
  for (const std::int64_t part : s.outs) {
    for (const std::int64_t rank : s.ranks) {
      out.push_back(random({rank, s.in}, seed++, 0.3));
      out.push_back(random({part, rank}, seed++, 0.3));
      if (s.dora) { out.push_back(random({part}, seed++)); }
    }
  }
  return out;
}

using Linear = std::function<at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                                        const std::vector<LinearPart>&)>;

at::Tensor kept(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                const std::vector<LinearPart>& parts) {
  return stacked_linear(x, weight, bias, parts);
}

// The op on twice x, which the backward recomputes or stores.
Linear of_doubled(bool again) {
  return [again](const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                 const std::vector<LinearPart>& parts) {
    const auto doubled = [](const at::Tensor& from) { return from * 2; };
    return stacked_linear(doubled(x), weight, bias, parts, again ? InputOrigin{x, doubled} : InputOrigin{});
  };
}

// Any norm will do, because the gradient treats it as a constant.
void set_dora(LoraTerm& term, const at::Tensor& magnitude) {
  term.magnitude_master = magnitude;
  term.norm = at::arange(magnitude.numel(), magnitude.options().requires_grad(false)).mul(0.1).add(0.7);
  term.gain = magnitude.detach() / term.norm;
}

at::Tensor apply(const Linear& linear, const Layer& s, const Tensors& in, at::ScalarType dtype) {
  std::vector<LinearPart> parts;
  std::size_t next = 3;
  std::uint64_t key = 5;
  for (const std::int64_t out : s.outs) {
    LinearPart part{.out = out};
    if (parts.empty() && s.trains_full) {
      part.weight_master = in[1].narrow(0, 0, out);
      if (s.bias) { part.bias_master = in[2].narrow(0, 0, out); }
    }
    for (std::size_t i = 0; i < s.ranks.size(); ++i, next += s.dora ? 3 : 2) {
      part.adapters.push_back({testing::weight_of(in[next], dtype), testing::weight_of(in[next + 1], dtype),
                               s.scale * static_cast<double>(i + 1), s.dropout, key++});
      if (s.dora) { set_dora(part.adapters.back(), in[next + 2]); }
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
        {[&](const Tensors& in) { return apply(kept, s, in, dtype); },
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

TEST(LoraLinear, AgreesWithDora) {
  expect_reference({.rows = 65, .in = 48, .outs = {48, 16, 16}, .ranks = {8}, .dora = true});
  expect_reference({.rows = 33, .in = 40, .outs = {7, 30}, .ranks = {3}, .bias = true, .dora = true});
  expect_reference({.rows = 40,
                    .in = 24,
                    .outs = {20, 12},
                    .ranks = {4},
                    .bias = true,
                    .trains_full = true,
                    .dora = true});
}

// The base's product sees the dropped x too, as in PEFT.
TEST(LoraLinear, AgreesWithDoraUnderDropout) {
  expect_reference({.rows = 40, .in = 70, .outs = {20, 12}, .ranks = {4}, .dropout = 0.25, .dora = true});
  expect_reference(
      {.rows = 3, .in = 600, .outs = {20}, .ranks = {4}, .bias = true, .dropout = 0.1, .dora = true});
}

void expect_true(const Layer& s) {
  Tensors inputs = inputs_of(s);
  const Tensors fixed{inputs[1], inputs[2]};
  inputs.erase(inputs.begin() + 1, inputs.begin() + 3);
  const auto op = [&](const Tensors& in) {
    Tensors all{in[0], fixed[0], fixed[1]};
    all.insert(all.end(), in.begin() + 1, in.end());
    return apply(kept, s, all, at::kDouble);
  };
  testing::expect_true_gradients(op, inputs);
}

TEST(LoraLinear, GradientsAreTrueByFiniteDifferences) {
  expect_true({.rows = 6, .in = 10, .outs = {7, 5}, .ranks = {3}, .dropout = 0.3});
  expect_true({.rows = 6, .in = 10, .outs = {7, 5}, .ranks = {3}, .bias = true, .dora = true});
  expect_true({.rows = 6, .in = 10, .outs = {7, 5}, .ranks = {3}, .dropout = 0.3, .dora = true});
}

// Some of q, k and v may lack an adapter, and other adapters may not be DoRA.
TEST(LoraLinear, DoraPlainAndBarePartsStandSideBySide) {
  const at::Tensor x = random({9, 12}, 1), weight = random({15, 12}, 2), bias = random({15}, 3);
  const auto term = [](std::int64_t out, std::uint64_t seed) {
    return LoraTerm{{random({2, 12}, seed), {}}, {random({out, 2}, seed + 1), {}}, 0.5};
  };
  std::vector<LinearPart> parts{{6, {}, {}, {term(6, 10)}}, {5, {}, {}, {}}, {4, {}, {}, {term(4, 20)}}};
  parts[0].adapters[0].gain = random({6}, 30);
  const at::Tensor got = stacked_linear(x, weight, bias, parts);
  EXPECT_LE(testing::difference(got, reference::stacked_linear(x, weight, bias, parts)), 1e-12);
}

// More rows than the norm processes at a time.
TEST(LoraLinear, DoraNormsAreThoseOfTheRows) {
  for (const auto dtype : testing::all_dtypes()) {
    const at::Tensor weight = random({530, 40}, 1), a = random({3, 40}, 2), b = random({530, 3}, 3);
    const at::Tensor got = dora_norm(weight.to(dtype), a.to(dtype), b.to(dtype), 0.5);
    EXPECT_EQ(got.scalar_type(), dtype == at::kDouble ? at::kDouble : at::kFloat);
    EXPECT_LE(testing::difference(got, reference::dora_norm(weight, a, b, 0.5)),
              dtype == at::kDouble ? 1e-14 : 1e-6);
  }
}

TEST(LoraLinear, RefusesDoraBesideAnotherAdapter) {
  LoraTerm term{{random({2, 4}, 1), {}}, {random({3, 2}, 2), {}}};
  const LoraTerm plain = term;
  term.gain = random({3}, 3);
  const at::Tensor x = random({5, 4}, 3), weight = random({3, 4}, 4);
  EXPECT_NO_THROW(stacked_linear(x, weight, {}, {{3, {}, {}, {term}}}));
  EXPECT_THROW(stacked_linear(x, weight, {}, {{3, {}, {}, {term, plain}}}), InternalError);
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
  for (at::Tensor& t : in) { t.set_requires_grad(true); }
  const at::Tensor recorded = apply(kept, s, in, at::kDouble);
  const at::NoGradGuard guard;
  const at::Tensor plain = apply(kept, s, in, at::kDouble);
  EXPECT_TRUE(plain.equal(recorded.detach()));
  EXPECT_FALSE(plain.requires_grad());
}

// The output, then every gradient.
Tensors all_of(const Linear& linear, const Layer& s, at::ScalarType dtype) {
  Tensors in = inputs_of(s);
  in[0] = in[0].to(dtype);
  for (at::Tensor& t : in) { t.set_requires_grad(true); }
  Tensors out{apply(linear, s, in, dtype)};
  out[0].sum().backward();
  for (const at::Tensor& t : in) { out.push_back(t.grad()); }
  return out;
}

TEST(LoraLinear, AnInputMadeAgainGivesTheSameBits) {
  const Layer lora{.rows = 40, .in = 24, .outs = {20, 12}, .ranks = {4}, .dropout = 0.25};
  Layer full = lora, dora = lora;
  full.trains_full = true;
  dora.dora = true;
  for (const Layer& layer : {lora, full, dora}) {
    for (const auto dtype : {at::kFloat, at::kBFloat16}) {
      const Tensors again = all_of(of_doubled(true), layer, dtype),
                    stays = all_of(of_doubled(false), layer, dtype);
      for (std::size_t i = 0; i < stays.size(); ++i) {
        ASSERT_EQ(again[i].defined(), stays[i].defined()) << i;
        EXPECT_TRUE(!stays[i].defined() || again[i].equal(stays[i])) << i;
      }
    }
  }
}

// Whether x's storage is still alive when only the output is held.
bool keeps_x(const InputOrigin& origin, bool trains) {
  at::Tensor x = random({5, 4}, 3).set_requires_grad(true) * 2;
  const c10::weak_intrusive_ptr<c10::StorageImpl> storage = x.storage().getWeakStorageImpl();
  const Weight a = testing::weight_of(random({2, 4}, 1).set_requires_grad(trains), at::kDouble);
  const Weight b{random({3, 2}, 2), {}};
  const at::Tensor y = stacked_linear(x, random({3, 4}, 4), {}, {{3, {}, {}, {{a, b}}}}, origin);
  x.reset();
  return !storage.expired();
}

TEST(LoraLinear, KeepsItsInputOnlyWhereAGradientNeedsIt) {
  const InputOrigin origin{random({5, 4}, 9), [](const at::Tensor& from) { return from * 2; }};
  EXPECT_TRUE(keeps_x({}, true));
  EXPECT_FALSE(keeps_x({}, false));
  EXPECT_FALSE(keeps_x(origin, true));
}

TEST(LoraLinear, RefusesPartsThatDoNotAddUp) {
  EXPECT_THROW(stacked_linear(random({5, 4}, 3), random({3, 4}, 4), {}, {{2, {}, {}, {}}}), InternalError);
}

}  // namespace
}  // namespace una::kernels
