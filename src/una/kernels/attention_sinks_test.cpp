// Attention with a sink per head: a logit in the softmax whose weight reads no value.
#include <gtest/gtest.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>

#include "una/base/error.h"
#include "una/kernels/attention.h"
#include "una/kernels/reference.h"
#include "una/kernels/testing.h"

namespace una::kernels {
namespace {

using testing::random;
using testing::Tensors;

// Two sequences, and a prompt with two answers that see it.
const std::vector<Segment> kPacked{{0, 70, {{0, 70}}}, {70, 135, {{70, 135}}}};
const std::vector<Segment> kShared{
    {0, 70, {{0, 70}}}, {70, 101, {{0, 70}, {70, 101}}}, {101, 135, {{0, 70}, {101, 135}}}};

Weight sinks_of(const Tensors& in, bool train) {
  const at::ScalarType dtype = in[0].scalar_type();
  return train ? testing::weight_of(in[3], dtype) : Weight{in[3].detach().to(dtype), {}};
}

void expect_reference(const std::vector<Segment>& segments, const Tensors& inputs,
                      const AttentionParams& params) {
  for (const auto dtype : testing::all_dtypes()) {
    for (const bool train : {true, false}) {
      testing::expect_agreement(
          {.op =
               [&](const Tensors& in) {
                 return attention(in[0], in[1], in[2], segments, params, sinks_of(in, train));
               },
           .reference =
               [&](const Tensors& in) {
                 return reference::attention(in[0], in[1], in[2], segments, params, sinks_of(in, train));
               },
           .inputs = inputs,
           .is_master = {false, false, false, true},
           .is_frozen = {false, false, false, !train}},
          dtype, 2);
    }
  }
}

Tensors inputs_of(std::int64_t tokens, std::int64_t heads, std::int64_t kv_heads, std::int64_t dim) {
  return {random({tokens, heads, dim}, 1), random({tokens, kv_heads, dim}, 2),
          random({tokens, kv_heads, dim}, 3), random({heads}, 4, 2)};
}

TEST(AttentionSinks, AgreeWithTheReference) {
  for (const auto& segments : {kPacked, kShared}) {
    expect_reference(segments, inputs_of(135, 4, 2, 16), {.scale = 0.25});
    expect_reference(segments, inputs_of(135, 6, 2, 20), {.scale = 0.5, .window = 40});
    expect_reference(segments, inputs_of(135, 8, 1, 64), {.scale = 0.125, .soft_cap = 3});
  }
}

TEST(AttentionSinks, RowsOfNoSegmentGiveThemNoGradient) {
  expect_reference({{5, 20, {{5, 20}}}, {30, 40, {{30, 40}}}}, inputs_of(50, 2, 1, 16), {.scale = 0.25});
}

TEST(AttentionSinks, GradientsAreTrueByFiniteDifferences) {
  const std::vector<Segment> segments{
      {0, 9, {{0, 9}}}, {9, 14, {{0, 9}, {9, 14}}}, {14, 21, {{0, 9}, {14, 21}}}};
  for (const std::int64_t window : {0, 4}) {
    const auto op = [&](const Tensors& in) {
      return attention(in[0], in[1], in[2], segments, {.scale = 0.4, .window = window},
                       testing::weight_of(in[3], in[0].scalar_type()));
    };
    testing::expect_true_gradients(op, inputs_of(21, 4, 2, 10));
  }
}

TEST(AttentionSinks, OneThatIsFarBelowChangesNoBitAndOneFarAboveLeavesNothing) {
  for (const auto dtype : testing::all_dtypes()) {
    const Tensors in = inputs_of(135, 4, 2, 16);
    const at::Tensor q = in[0].to(dtype), k = in[1].to(dtype), v = in[2].to(dtype);
    const auto with = [&](double logit) {
      return attention(q, k, v, kShared, {.scale = 0.25}, {at::full({4}, logit, q.options()), {}});
    };
    EXPECT_TRUE(with(-1e4).equal(attention(q, k, v, kShared, {.scale = 0.25})));
    EXPECT_EQ(with(1e4).abs().max().item<double>(), 0);
  }
}

// A decoding step of each length reads its keys in place; the whole pass packs them.
TEST(AttentionSinks, DecodingGivesTheLastRowOfTheWholePass) {
  for (const std::int64_t window : {0, 24}) {
    for (const std::int32_t count : {3, 16, 65, 130}) {
      for (const auto dtype : testing::all_dtypes()) {
        const Tensors in = inputs_of(count, 6, 2, 32);
        const at::Tensor q = in[0].to(dtype), k = in[1].to(dtype), v = in[2].to(dtype);
        const AttentionParams params{.scale = 0.2, .window = window};
        const Weight sinks{in[3].to(dtype), {}};
        const at::Tensor whole = attention(q, k, v, {{0, count, {{0, count}}}}, params, sinks);
        const at::Tensor step =
            attention(q.narrow(0, count - 1, 1), k, v, {{0, 1, {{0, count}}}}, params, sinks);
        EXPECT_LE(testing::difference(step, whole.narrow(0, count - 1, 1)),
                  dtype == at::kBFloat16 ? 2e-2 : 1e-5)
            << count << " keys, window " << window;
      }
    }
  }
}

TEST(AttentionSinks, SamplesThatReadTheirPromptTogetherGetTheBitsOfEachAlone) {
  const std::vector<Segment> steps{
      {0, 1, {{0, 77}, {77, 78}}}, {1, 2, {{0, 77}, {78, 118}}}, {2, 3, {{0, 77}, {118, 135}}}};
  for (const auto dtype : testing::all_dtypes()) {
    const Tensors in = inputs_of(135, 6, 2, 32);
    const at::Tensor q = in[0].narrow(0, 0, 3).to(dtype), k = in[1].to(dtype), v = in[2].to(dtype);
    const Weight sinks{in[3].to(dtype), {}};
    const at::Tensor together = attention(q, k, v, steps, {.scale = 0.2}, sinks);
    const at::Tensor wanted = reference::attention(q.to(at::kFloat), k.to(at::kFloat), v.to(at::kFloat),
                                                   steps, {.scale = 0.2}, {in[3].to(at::kFloat), {}});
    EXPECT_LE(testing::difference(together, wanted), dtype == at::kBFloat16 ? 2e-2 : 1e-5);
    for (std::int32_t i = 0; i < 3; ++i) {
      Segment alone = steps[static_cast<std::size_t>(i)];
      alone.query_begin = 0, alone.query_end = 1;
      EXPECT_TRUE(
          attention(q.narrow(0, i, 1), k, v, {alone}, {.scale = 0.2}, sinks).equal(together.narrow(0, i, 1)));
    }
  }
}

TEST(AttentionSinks, AnotherNumberThanHeadsIsAFaultOfTheCaller) {
  const Tensors in = inputs_of(135, 4, 2, 16);
  EXPECT_THROW(attention(in[0], in[1], in[2], kPacked, {.scale = 1}, {random({2}, 1), {}}), InternalError);
}

}  // namespace
}  // namespace una::kernels
