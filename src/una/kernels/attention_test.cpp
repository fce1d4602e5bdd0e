#include "una/kernels/attention.h"

#include <cmath>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/kernels/reference.h"
#include "una/kernels/testing.h"

namespace una::kernels {
namespace {

using testing::random;
using testing::Tensors;

// Consecutive sequences of these lengths.
std::vector<Segment> packed(const std::vector<std::int32_t>& lengths) {
  std::vector<Segment> out;
  std::int32_t begin = 0;
  for (const std::int32_t n : lengths) {
    out.push_back({begin, begin + n, {{begin, begin + n}}});
    begin += n;
  }
  return out;
}

// A prompt and responses that see it.
std::vector<Segment> shared(std::int32_t prompt, const std::vector<std::int32_t>& responses) {
  std::vector<Segment> out{{0, prompt, {{0, prompt}}}};
  std::int32_t begin = prompt;
  for (const std::int32_t n : responses) {
    out.push_back({begin, begin + n, {{0, prompt}, {begin, begin + n}}});
    begin += n;
  }
  return out;
}

struct Case {
  std::int64_t tokens, heads, kv_heads, dim;
  AttentionParams params;
};

void expect_reference(const std::vector<Segment>& segments, const Case& c) {
  for (const auto dtype : testing::all_dtypes()) {
    const Tensors inputs{random({c.tokens, c.heads, c.dim}, 1), random({c.tokens, c.kv_heads, c.dim}, 2),
                         random({c.tokens, c.kv_heads, c.dim}, 3)};
    testing::expect_agreement(
        {[&](const Tensors& in) { return attention(in[0], in[1], in[2], segments, c.params); },
         [&](const Tensors& in) { return reference::attention(in[0], in[1], in[2], segments, c.params); },
         inputs},
        dtype, 2);
    testing::expect_agreement(
        {[&](const Tensors& in) { return attention_packed(in[0], c.kv_heads, segments, c.params); },
         [&](const Tensors& in) {
           const std::int64_t kv = c.kv_heads, h = c.heads;
           return reference::attention(in[0].narrow(1, 0, h), in[0].narrow(1, h, kv),
                                       in[0].narrow(1, h + kv, kv), segments, c.params);
         },
         {at::cat(inputs, 1)}},
        dtype, 2);
  }
}

TEST(Attention, AgreesOnOddLengths) {
  expect_reference(packed({1, 2, 3, 17, 64, 65, 130}), {282, 3, 1, 16, {.scale = 0.25}});
}

TEST(Attention, AgreesOnGroupRatiosAndHeadSizes) {
  expect_reference(packed({40, 33}), {73, 9, 3, 64, {.scale = 0.125}});
  expect_reference(packed({40, 33}), {73, 4, 4, 20, {.scale = 0.2}});
  expect_reference(packed({70}), {70, 8, 1, 7, {.scale = 0.3}});
  expect_reference(packed({150}), {150, 2, 1, 96, {.scale = 0.1}});
}

TEST(Attention, AgreesWithWindowAndSoftCap) {
  expect_reference(packed({130, 5, 200}), {335, 2, 1, 16, {.scale = 0.25, .window = 70}});
  expect_reference(packed({130}), {130, 2, 1, 16, {.scale = 0.25, .window = 2}});
  expect_reference(packed({90, 3}), {93, 4, 2, 16, {.scale = 0.5, .soft_cap = 1.5}});
  expect_reference(shared(100, {40, 30}), {170, 4, 2, 16, {.scale = 0.5, .window = 64, .soft_cap = 2}});
}

TEST(Attention, WindowOfOneSeesItsOwnValue) {
  const at::Tensor x = random({130, 4, 16}, 1).to(at::kFloat);
  const at::Tensor y = attention_packed(x, 1, packed({130}), {.scale = 0.25, .window = 1});
  for (std::int64_t head = 0; head < 2; ++head) { EXPECT_TRUE(y.select(1, head).equal(x.select(1, 3))); }
}

TEST(Attention, AgreesOnSharedPrompts) {
  expect_reference(shared(70, {30, 1, 65}), {166, 6, 2, 32, {.scale = 0.2}});
  expect_reference({{0, 50, {{0, 50}}}, {50, 70, {{0, 20}, {50, 70}}}}, {70, 2, 1, 16, {.scale = 0.25}});
}

TEST(Attention, RowsOfNoSegmentAreZeroAndGetNoGradient) {
  expect_reference({{5, 20, {{5, 20}}}, {30, 40, {{30, 40}}}}, {50, 2, 1, 16, {.scale = 0.25}});
}

TEST(Attention, ReadsACacheInSeveralRanges) {
  const at::Tensor q = random({3, 6, 32}, 1), k = random({500, 2, 32}, 2), v = random({500, 2, 32}, 3);
  const std::vector<Segment> segments{
      {0, 1, {{64, 128}, {0, 64}, {200, 331}}}, {1, 2, {{400, 401}}}, {2, 3, {{300, 310}, {10, 27}}}};
  for (const auto dtype : testing::all_dtypes()) {
    for (const AttentionParams& params :
         {AttentionParams{.scale = 0.2}, {.scale = 0.2, .window = 20, .soft_cap = 3}}) {
      const at::Tensor got = attention(q.to(dtype), k.to(dtype), v.to(dtype), segments, params);
      const double limit = dtype == at::kBFloat16 ? 2e-2 : dtype == at::kFloat ? 1e-5 : 1e-12;
      EXPECT_LE(testing::difference(got, reference::attention(q, k, v, segments, params)), limit);
    }
  }
}

TEST(Attention, GradientsAreTrueByFiniteDifferences) {
  const auto op = [](const Tensors& in) {
    return attention(in[0], in[1], in[2], shared(9, {5, 7}), {.scale = 0.4, .window = 12, .soft_cap = 4});
  };
  testing::expect_true_gradients(op,
                                 {random({21, 4, 10}, 1), random({21, 2, 10}, 2), random({21, 2, 10}, 3)});
}

// Sharing changes no bit of the output: keys are cut by position, wherever they are stored.
TEST(Attention, SharedPromptGivesTheUnsharedBits) {
  const std::int32_t p = 70, a = 30, b = 45;
  for (const auto dtype : testing::all_dtypes()) {
    const at::Tensor x = random({p + a + b, 8, 32}, 5).to(dtype);
    const at::Tensor both = at::cat({x.narrow(0, 0, p + a), x.narrow(0, 0, p), x.narrow(0, p + a, b)}, 0);
    const at::Tensor one = attention_packed(x, 2, shared(p, {a, b}), {.scale = 0.2});
    const at::Tensor two = attention_packed(both, 2, packed({p + a, p + b}), {.scale = 0.2});
    EXPECT_TRUE(one.narrow(0, 0, p + a).equal(two.narrow(0, 0, p + a)));
    EXPECT_TRUE(one.narrow(0, p + a, b).equal(two.narrow(0, p + a + p, b)));
  }
}

// A decoding step over a cache: samples of a prompt of `shared` keys, each with this many keys of its own.
std::vector<Segment> samples(std::int32_t shared, const std::vector<std::int32_t>& own) {
  std::vector<Segment> out;
  std::int32_t begin = shared, query = 0;
  for (const std::int32_t n : own) {
    out.push_back({query, query + 1, {{0, shared}, {begin, begin + n}}});
    begin += n, ++query;
  }
  return out;
}

TEST(Attention, SamplesThatReadTheirPromptTogetherGetTheBitsOfEachAlone) {
  const std::vector<std::int32_t> own{1, 40, 17, 64, 2, 65, 8};
  const auto count = static_cast<std::int32_t>(own.size());
  for (const std::int32_t prompt : {1, 77, 128, 200}) {
    for (const std::int64_t dim : {64, 7, 20, 96}) {
      for (const AttentionParams& params :
           {AttentionParams{.scale = 0.2}, AttentionParams{.scale = 0.2, .window = 90, .soft_cap = 3}}) {
        for (const auto dtype : testing::all_dtypes()) {
          const auto segments = samples(prompt, own);
          const at::Tensor q = random({count, 6, dim}, 5).to(dtype);
          const at::Tensor k = random({prompt + 197, 2, dim}, 6).to(dtype);
          const at::Tensor v = random({prompt + 197, 2, dim}, 7).to(dtype);
          const at::Tensor together = attention(q, k, v, segments, params);
          const at::Tensor wanted =
              reference::attention(q.to(at::kFloat), k.to(at::kFloat), v.to(at::kFloat), segments, params);
          EXPECT_LE(testing::difference(together, wanted), dtype == at::kBFloat16 ? 2e-2 : 1e-5);
          for (std::int32_t i = 0; i < count; ++i) {
            Segment alone = segments[static_cast<std::size_t>(i)];
            alone.query_begin = 0, alone.query_end = 1;
            const at::Tensor one = attention(q.narrow(0, i, 1), k, v, {alone}, params);
            EXPECT_TRUE(one.equal(together.narrow(0, i, 1))) << "sample " << i << " of prompt " << prompt;
          }
        }
      }
    }
  }
}

TEST(Attention, RepeatsItsBitsAndSplitsWorkAmongThreads) {
  const auto run = [](const at::Tensor& start) {
    const at::Tensor x = start.clone().set_requires_grad(true);
    attention_packed(x, 1, packed({300}), {.scale = 0.2}).pow(2).sum().backward();
    return x.grad();
  };
  const at::Tensor x = random({300, 4, 32}, 5).to(at::kFloat);
  const at::Tensor first = run(x);
  EXPECT_TRUE(first.equal(run(x)));
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  EXPECT_LE(testing::difference(run(x), first), 1e-5);
  at::set_num_threads(threads);
}

TEST(Attention, SharpScoresStayFinite) {
  const at::Tensor x = random({200, 4, 32}, 5, 30).to(at::kBFloat16).set_requires_grad(true);
  const at::Tensor y = attention_packed(x, 1, packed({200}), {.scale = 1});
  y.sum().backward();
  EXPECT_TRUE(y.isfinite().all().item<bool>());
  EXPECT_TRUE(x.grad().isfinite().all().item<bool>());
}

TEST(Attention, NanStaysVisible) {
  at::Tensor x = random({80, 4, 32}, 5).to(at::kFloat);
  x[70][2][3] = std::nan("");  // a key
  const at::Tensor y = attention_packed(x, 1, packed({80}), {.scale = 0.2});
  EXPECT_TRUE(y.narrow(0, 0, 70).isfinite().all().item<bool>());
  EXPECT_TRUE(y.narrow(0, 70, 10).isnan().all().item<bool>());
}

TEST(Attention, RefusesSegmentsOutsideTheTensors) {
  const at::Tensor x = random({10, 4, 8}, 1);
  EXPECT_THROW(attention_packed(x, 1, {{0, 11, {{0, 11}}}}, {.scale = 1}), InternalError);
  EXPECT_THROW(attention_packed(x, 1, {{0, 10, {{0, 5}}}}, {.scale = 1}), InternalError);
  EXPECT_THROW(attention_packed(x, 2, packed({10}), {.scale = 1}), InternalError);
}

}  // namespace
}  // namespace una::kernels
