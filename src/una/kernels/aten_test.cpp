#include "una/kernels/aten/ops.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/kernels/copy_rows.h"
#include "una/kernels/cpu/dispatch.h"
#include "una/kernels/embedding.h"
#include "una/kernels/qk_norm.h"
#include "una/kernels/reference.h"
#include "una/kernels/rope.h"
#include "una/kernels/standin_device_testing.h"
#include "una/kernels/swiglu.h"
#include "una/kernels/testing.h"

// Compares every op on another device with the same op on the CPU: values and gradients.
namespace una::kernels {
namespace {

using testing::difference;
using testing::far_device;
using testing::Op;
using testing::random;
using testing::Tensors;
using testing::weight_of;

at::Tensor moved(const at::Tensor& tensor) { return tensor.to(far_device()); }

// Runs the op on copies of its inputs on the stand-in device.
Op there(const Op& op) {
  return [op](const Tensors& in) {
    Tensors copies;
    for (const at::Tensor& tensor : in) { copies.push_back(tensor.defined() ? moved(tensor) : tensor); }
    return op(copies).cpu();
  };
}

void expect_same(const Op& op, const Tensors& inputs, const std::vector<bool>& masters = {},
                 const std::vector<at::ScalarType>& dtypes = testing::all_dtypes()) {
  for (const auto dtype : dtypes) {
    testing::expect_agreement({.op = there(op), .reference = op, .inputs = inputs, .is_master = masters},
                              dtype);
  }
}

TEST(Aten, StandinMemoryIsNotTheProgramsToRead) {
  const at::Tensor tensor = moved(at::arange(3));
  EXPECT_EQ(tensor.cpu().sum().item<std::int64_t>(), 3);
  const auto* address = static_cast<const volatile std::int64_t*>(tensor.const_data_ptr());
  EXPECT_DEATH((void)*address, "");
  EXPECT_ANY_THROW(tensor + at::arange(3));
  EXPECT_THROW(detail::read<std::int64_t>(tensor), InternalError);
}

TEST(Aten, Norms) {
  for (const NormKind kind : {NormKind::kRounded, NormKind::kPlusOne, NormKind::kWide}) {
    expect_same(
        [&](const Tensors& in) { return rms_norm(in[0], weight_of(in[1], in[0].scalar_type()), 1e-5, kind); },
        {random({7, 12}, 1), random({12}, 2)}, {false, true});
  }
  for (const bool whole : {false, true}) {
    expect_same(
        [&](const Tensors& in) {
          const auto dtype = in[0].scalar_type();
          return qk_norm(in[0], weight_of(in[1], dtype), weight_of(in[2], dtype),
                         {.kv_heads = 2, .whole = whole});
        },
        {random({5, 8, 6}, 1), random({whole ? 24 : 6}, 2), random({whole ? 12 : 6}, 3)},
        {false, true, true});
  }
}

TEST(Aten, FrozenWeightsHaveNoGradient) {
  const at::Tensor x = moved(random({3, 4}, 1)).requires_grad_(), weight = moved(random({4}, 2));
  rms_norm(x, {weight, {}}, 1e-5).sum().backward();
  EXPECT_TRUE(x.grad().defined());
  EXPECT_FALSE(weight.grad().defined());
}

TEST(Aten, GatesAndRope) {
  expect_same([](const Tensors& in) { return swiglu(in[0]); }, {random({5, 14}, 1)});
  expect_same([](const Tensors& in) { return clamped_swiglu(in[0], 1.702, 0.7); }, {random({5, 14}, 1)});
  for (const Gelu form : {Gelu::kExact, Gelu::kTanh}) {
    expect_same([&](const Tensors& in) { return geglu(in[0], form); }, {random({5, 14}, 1)});
  }
  const at::Tensor angles = random({5, 3}, 2);
  expect_same(
      [&](const Tensors& in) {
        const at::Tensor here = angles.to(in[0].device());
        return rope(in[0], here.cos(), here.sin(), 3);
      },
      {random({5, 4, 8}, 1)});
}

TEST(Aten, EmbeddingAndCopiedRows) {
  const at::Tensor ids = at::tensor({std::int64_t{3}, std::int64_t{0}, std::int64_t{3}});
  expect_same(
      [&](const Tensors& in) { return embedding(ids.to(in[0].device()), weight_of(in[0], at::kFloat)); },
      {random({5, 4}, 1)}, {true}, {at::kFloat});
  at::Tensor to = moved(random({2, 6, 4}, 1)).transpose(0, 1);
  const at::Tensor from = random({2, 2, 4}, 2);
  copy_rows(moved(from), moved(at::tensor({std::int64_t{5}, std::int64_t{1}})), to);
  EXPECT_TRUE(to.cpu()[5].equal(from[0]));
  EXPECT_TRUE(to.cpu()[1].equal(from[1]));
}

// A prompt of 4 tokens, answers of 3 and 2 that see it, and a sequence of its own.
std::vector<Segment> shared_prompt() {
  return {{0, 4, {{0, 4}}}, {4, 7, {{0, 4}, {4, 7}}}, {7, 9, {{0, 4}, {7, 9}}}, {9, 12, {{9, 12}}}};
}

TEST(Aten, AttentionOfSharedPrompts) {
  for (const AttentionParams params :
       {AttentionParams{.scale = 0.35}, AttentionParams{.scale = 0.35, .window = 3},
        AttentionParams{.scale = 0.35, .soft_cap = 2}}) {
    expect_same([&](const Tensors& in) { return attention(in[0], in[1], in[2], shared_prompt(), params); },
                {random({12, 4, 8}, 1), random({12, 2, 8}, 2), random({12, 2, 8}, 3)});
    expect_same([&](const Tensors& in) { return attention_packed(in[0], 2, shared_prompt(), params); },
                {random({12, 8, 8}, 1)});
  }
}

TEST(Aten, AttentionWithSinks) {
  for (const AttentionParams params :
       {AttentionParams{.scale = 0.35}, AttentionParams{.scale = 0.35, .window = 3}}) {
    for (const bool train : {true, false}) {
      const auto op = [&](const Tensors& in) {
        const auto dtype = in[0].scalar_type();
        return attention(in[0], in[1], in[2], shared_prompt(), params,
                         train ? weight_of(in[3], dtype) : Weight{in[3].detach().to(dtype), {}});
      };
      for (const auto dtype : testing::all_dtypes()) {
        testing::expect_agreement(
            {.op = there(op),
             .reference = op,
             .inputs = {random({12, 4, 8}, 1), random({12, 2, 8}, 2), random({12, 2, 8}, 3), random({4}, 4)},
             .is_master = {false, false, false, true},
             .is_frozen = {false, false, false, !train}},
            dtype);
      }
    }
  }
}

TEST(Aten, AttentionOfUncoveredAndDisorderedRows) {
  const std::vector<Segment> segments{{6, 9, {{6, 9}}}, {1, 4, {{1, 4}}}};
  expect_same([&](const Tensors& in) { return attention(in[0], in[1], in[2], segments, {.scale = 0.35}); },
              {random({9, 2, 8}, 1), random({9, 2, 8}, 2), random({9, 2, 8}, 3)});
}

TEST(Aten, DecodingReadsTheCache) {
  const std::vector<Segment> segments{{0, 1, {{2, 7}}}, {1, 2, {{0, 2}, {9, 10}}}, {2, 3, {{4, 5}}}};
  for (const AttentionParams params :
       {AttentionParams{.scale = 0.35}, AttentionParams{.scale = 0.35, .window = 2},
        AttentionParams{.scale = 0.35, .soft_cap = 2}}) {
    const at::Tensor q = random({3, 4, 8}, 1), k = random({10, 2, 8}, 2), v = random({10, 2, 8}, 3);
    const at::Tensor got = attention(moved(q), moved(k), moved(v), segments, params).cpu();
    EXPECT_LT(difference(got, attention(q, k, v, segments, params)), 1e-5);
    const at::Tensor sinks = random({4}, 4);
    const at::Tensor sunk =
        attention(moved(q), moved(k), moved(v), segments, params, {moved(sinks), {}}).cpu();
    EXPECT_LT(difference(sunk, attention(q, k, v, segments, params, {sinks, {}})), 1e-5);
    EXPECT_GT(difference(sunk, got), 1e-2);
  }
}

struct Head {
  double temperature, soft_cap;
  bool trains;
};

class Aten : public ::testing::TestWithParam<Head> {};

TEST_P(Aten, LogProbsAndStatistics) {
  const Head head = GetParam();
  const at::Tensor targets = at::tensor(std::vector<std::int64_t>{3, 0, 10, 7, 7});
  const HeadParams params{.temperature = head.temperature, .soft_cap = head.soft_cap, .chunk_rows = 2};
  const auto call = [&](const Tensors& in, bool statistics) {
    const Weight weight = head.trains ? weight_of(in[1], in[0].scalar_type())
                                      : Weight{in[1].detach().to(in[0].scalar_type()), {}};
    return linear_logps(in[0], weight, targets.to(in[0].device()), {.statistics = statistics}, params);
  };
  const Tensors inputs{random({5, 6}, 1), random({11, 6}, 2)};
  for (const auto dtype : testing::all_dtypes()) {
    const auto op = [&](const Tensors& in) { return call(in, false).logp; };
    testing::expect_agreement({.op = there(op),
                               .reference = op,
                               .inputs = inputs,
                               .is_master = {false, head.trains},
                               .is_frozen = {false, !head.trains}},
                              dtype);
  }
  const PolicyOutput here = call(inputs, true), far = call({moved(inputs[0]), moved(inputs[1])}, true);
  EXPECT_LT(difference(far.entropy.cpu(), here.entropy), 1e-5);
  EXPECT_LT(difference(far.mean_logit.cpu(), here.mean_logit), 1e-5);
  EXPECT_TRUE(far.greedy.cpu().equal(here.greedy));
}

INSTANTIATE_TEST_SUITE_P(Heads, Aten,
                         ::testing::Values(Head{1, 0, false}, Head{0.7, 0, false}, Head{1, 3, false},
                                           Head{1, 0, true}, Head{0.7, 3, true}));

TEST(Aten, AdaptersAndTheirDropout) {
  for (const double dropout : {0.0, 0.25}) {
    expect_same(
        [&](const Tensors& in) {
          const auto dtype = in[0].scalar_type();
          const LoraTerm term{weight_of(in[1], dtype), weight_of(in[2], dtype), 0.5, dropout, 9, {}, {}, {}};
          const at::Tensor weight = random({9, 10}, 2, 0.3).to(in[0].device(), dtype);
          return stacked_linear(in[0], weight, {}, {{.out = 5, .adapters = {term}}, {.out = 4}});
        },
        {random({6, 10}, 1), random({2, 10}, 3), random({5, 2}, 4)}, {false, true, true});
  }
}

TEST(Aten, DropoutMaskIsTheCpus) {
  const at::Tensor mask = aten::dropout_mask(moved(random({3, 10}, 1)), 0.3, 77).cpu();
  EXPECT_TRUE(mask.to(at::kDouble).gt(0).equal(reference::dropout_mask(3, 10, 0.3, 77).gt(0)));
  EXPECT_LT(difference(mask, reference::dropout_mask(3, 10, 0.3, 77)), 1e-6);
}

TEST(Aten, AdamwAndNorms) {
  Tensors here, far;
  for (std::uint64_t i = 0; i < 4; ++i) {
    here.push_back(random({50}, i).abs());
    far.push_back(moved(here.back()));
  }
  const AdamWParams params{.learning_rate = 0.1, .weight_decay = 0.1, .step = 3, .gradient_scale = 0.5};
  adamw_step(here[0], here[1], here[2], here[3], params);
  adamw_step(far[0], far[1], far[2], far[3], params);
  for (const std::size_t i : {0U, 2U, 3U}) { EXPECT_LT(difference(far[i].cpu(), here[i]), 1e-6); }
  EXPECT_NEAR(sum_of_squares(far[1]), sum_of_squares(here[1]), 1e-4);
}

}  // namespace
}  // namespace una::kernels
