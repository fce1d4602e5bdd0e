#include "una/kernels/mixers/gated_delta_rule.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/softplus.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/rng.h"
#include "una/kernels/reference.h"
#include "una/kernels/standin_device_testing.h"
#include "una/kernels/testing.h"

namespace una::kernels {
namespace {

using testing::random;
using testing::Tensors;

// A prompt of `prompt` tokens with answers of the given lengths, then a sequence of `other` tokens.
std::vector<Segment> shared_prompt(std::int32_t prompt, const std::vector<std::int32_t>& answers,
                                   std::int32_t other) {
  std::vector<Segment> out = {{0, prompt, {{0, prompt}}}};
  std::int32_t at = prompt;
  for (const std::int32_t count : answers) {
    out.push_back({at, at + count, {{0, prompt}, {at, at + count}}});
    at += count;
  }
  out.push_back({at, at + other, {{at, at + other}}});
  return out;
}

std::int64_t tokens_of(const std::vector<Segment>& segments) { return segments.back().query_end; }

std::int64_t columns_of(const DeltaRuleSpec& spec) {
  return 2 * spec.num_key_heads * spec.key_head_dim + spec.num_value_heads * spec.value_head_dim;
}

// log_decay and beta of raw gates.
at::Tensor decay_of(const at::Tensor& raw) { return -at::softplus(raw) * 0.3; }

std::shared_ptr<const DeltaPlan> plan_of(const std::vector<Segment>& segments) {
  return std::make_shared<DeltaPlan>(delta_plan(segments, tokens_of(segments)));
}

at::Tensor computing(const at::Tensor& x) { return x.scalar_type() == at::kDouble ? x : x.to(at::kFloat); }

testing::Comparison comparison(const DeltaRuleSpec& spec, const std::vector<Segment>& segments) {
  const std::int64_t tokens = tokens_of(segments);
  const auto plan = plan_of(segments);
  return {.op =
              [=](const Tensors& in) {
                return gated_delta_rule(in[0], decay_of(computing(in[1])), computing(in[2]).sigmoid(), spec,
                                        plan);
              },
          .reference =
              [=](const Tensors& in) {
                return reference::gated_delta_rule(in[0], decay_of(computing(in[1])),
                                                   computing(in[2]).sigmoid(), spec, segments);
              },
          .inputs = {random({tokens, columns_of(spec)}, 1), random({tokens, spec.num_value_heads}, 2),
                     random({tokens, spec.num_value_heads}, 3)},
          .is_master = {false, true, true}};
}

TEST(GatedDeltaRule, APlanGivesEachAnswerItsPromptsState) {
  const DeltaPlan plan = delta_plan(shared_prompt(4, {3, 1}, 2), 10);
  ASSERT_EQ(plan.runs.size(), 4U);
  EXPECT_EQ(plan.trees, (std::vector<std::int64_t>{0, 3}));
  EXPECT_EQ(plan.states, 1);
  const auto is = [&](std::size_t i, std::int64_t begin, std::int64_t end, std::int64_t from,
                      std::int64_t to) {
    const DeltaRun& run = plan.runs[i];
    EXPECT_TRUE(run.begin == begin && run.end == end && run.from == from && run.to == to) << i;
  };
  is(0, 0, 4, -1, 0);
  is(1, 4, 7, 0, -1);
  is(2, 7, 8, 0, -1);
  is(3, 8, 10, -1, -1);
}

// A segment that goes on in the middle of another one, and trees whose rows are mixed.
TEST(GatedDeltaRule, APlanCutsWhereASequenceBranches) {
  const std::vector<Segment> segments = {{0, 5, {{0, 5}}},
                                         {5, 7, {{5, 7}}},
                                         {7, 9, {{0, 3}, {7, 9}}},
                                         {9, 12, {{5, 7}, {9, 12}}},
                                         {12, 13, {{0, 3}, {7, 9}, {12, 13}}}};
  const DeltaPlan plan = delta_plan(segments, 13);
  EXPECT_EQ(plan.runs.size(), 6U);
  EXPECT_EQ(plan.trees.size(), 2U);
  EXPECT_EQ(plan.states, 3);
  for (const auto dtype : testing::all_dtypes()) {
    testing::expect_agreement(
        comparison({.num_key_heads = 1, .num_value_heads = 2, .key_head_dim = 3, .value_head_dim = 5},
                   segments),
        dtype, 4);
  }
}

TEST(GatedDeltaRule, RefusesKeysThatAreNoSequence) {
  EXPECT_THROW(delta_plan({{0, 4, {{0, 4}}}, {4, 6, {{1, 4}, {4, 6}}}}, 6), InternalError)
      << "a part of a prompt";
  EXPECT_THROW(delta_plan({{0, 2, {{4, 6}, {0, 2}}}, {4, 6, {{4, 6}}}}, 6), InternalError)
      << "before its prompt";
  EXPECT_THROW(delta_plan({{0, 4, {{0, 3}}}}, 4), InternalError);
  EXPECT_THROW(delta_plan({{0, 4, {{0, 4}}}}, 3), InternalError);
}

// Chunks of 64 that are full, partial, and of one token; heads whose sizes do not fill vectors.
TEST(GatedDeltaRule, AgreesWithTheRecurrenceOverShapesAndDtypes) {
  struct Case {
    DeltaRuleSpec spec;
    std::vector<Segment> segments;
  };
  const std::vector<Case> cases = {
      {{1, 1, 1, 1}, shared_prompt(1, {1, 2}, 1)},
      {{2, 4, 6, 5}, shared_prompt(70, {64, 3, 65}, 9)},
      {{1, 3, 32, 16}, shared_prompt(64, {1, 17}, 130)},
      {{2, 2, 16, 33}, shared_prompt(5, {9, 128}, 1)},
  };
  for (const auto dtype : testing::all_dtypes()) {
    for (const Case& each : cases) {
      testing::expect_agreement(comparison(each.spec, each.segments), dtype, 4);
    }
  }
}

TEST(GatedDeltaRule, GradientsAreTrueByFiniteDifferences) {
  for (const auto& segments : {shared_prompt(3, {4, 2}, 5), shared_prompt(66, {3, 70}, 2)}) {
    const testing::Comparison each = comparison({2, 4, 3, 5}, segments);
    testing::expect_true_gradients(each.op, each.inputs, 1e-5);
  }
}

// A strong decay forgets in a token, none at all keeps everything: neither overflows.
TEST(GatedDeltaRule, ExtremeDecaysStayFinite) {
  const DeltaRuleSpec spec{1, 1, 8, 8};
  const std::vector<Segment> segments = shared_prompt(80, {70}, 3);
  const at::Tensor qkv = random({tokens_of(segments), columns_of(spec)}, 1).to(at::kFloat);
  const at::Tensor beta = at::sigmoid(random({tokens_of(segments), 1}, 2).to(at::kFloat));
  for (const double decay : {0.0, -1e-4, -30.0, -300.0}) {
    const at::Tensor gate = at::full({tokens_of(segments), 1}, decay, at::kFloat);
    const at::Tensor in = qkv.clone().requires_grad_(), g = gate.clone().requires_grad_();
    const at::Tensor got = gated_delta_rule(in, g, beta, spec, plan_of(segments));
    EXPECT_LE(testing::difference(got, reference::gated_delta_rule(qkv, gate, beta, spec, segments)), 1e-5)
        << decay;
    got.sum().backward();
    EXPECT_TRUE(in.grad().isfinite().all().item<bool>() && g.grad().isfinite().all().item<bool>()) << decay;
  }
}

// Packed rows give the bits of each sequence alone, forward and backward.
TEST(GatedDeltaRule, ASequencesBitsAreItsOwn) {
  const DeltaRuleSpec spec{2, 4, 8, 12};
  Rng rng(5, stream_id("cuts"));
  for (int trial = 0; trial < 30; ++trial) {
    std::vector<Segment> segments;
    std::int32_t at = 0;
    for (std::uint64_t left = 1 + rng.below(4); left > 0; --left) {
      const auto count = static_cast<std::int32_t>(1 + rng.below(90));
      segments.push_back({at, at + count, {{at, at + count}}});
      at += count;
    }
    const auto seed = static_cast<std::uint64_t>(trial);
    const at::Tensor qkv = random({at, columns_of(spec)}, seed).to(at::kFloat);
    const at::Tensor decay = decay_of(random({at, 4}, seed + 100).to(at::kFloat));
    const at::Tensor beta = at::sigmoid(random({at, 4}, seed + 200).to(at::kFloat));
    const at::Tensor grad = random({at, 4, 12}, seed + 300).to(at::kFloat);
    const auto run = [&](std::int64_t begin, std::int64_t count, const std::vector<Segment>& parts) {
      const at::Tensor in = qkv.narrow(0, begin, count).clone().requires_grad_();
      const at::Tensor g = decay.narrow(0, begin, count).clone().requires_grad_();
      const at::Tensor b = beta.narrow(0, begin, count).clone().requires_grad_();
      const at::Tensor out = gated_delta_rule(in, g, b, spec, plan_of(parts));
      out.backward(grad.narrow(0, begin, count));
      return Tensors{out.detach(), in.grad(), g.grad(), b.grad()};
    };
    const Tensors all = run(0, at, segments);
    for (const Segment& each : segments) {
      const std::int32_t count = each.query_end - each.query_begin;
      const Tensors alone = run(each.query_begin, count, {{0, count, {{0, count}}}});
      for (std::size_t i = 0; i < all.size(); ++i) {
        EXPECT_TRUE(all[i].narrow(0, each.query_begin, count).equal(alone[i])) << trial << " " << i;
      }
    }
  }
}

TEST(GatedDeltaRule, ResultsDoNotDependOnTheThreads) {
  const DeltaRuleSpec spec{4, 8, 16, 16};
  const std::vector<Segment> segments = shared_prompt(70, {64, 3, 65}, 90);
  const std::int64_t tokens = tokens_of(segments);
  const at::Tensor qkv = random({tokens, columns_of(spec)}, 1).to(at::kFloat);
  const at::Tensor decay = decay_of(random({tokens, 8}, 2).to(at::kFloat));
  const at::Tensor beta = at::sigmoid(random({tokens, 8}, 3).to(at::kFloat));
  const auto run = [&](int threads) {
    const int before = at::get_num_threads();
    at::set_num_threads(threads);
    const at::Tensor in = qkv.clone().requires_grad_(), g = decay.clone().requires_grad_();
    const at::Tensor out = gated_delta_rule(in, g, beta, spec, plan_of(segments));
    out.backward(random({tokens, 8, 16}, 4).to(at::kFloat));
    at::set_num_threads(before);
    return Tensors{out.detach(), in.grad(), g.grad()};
  };
  const Tensors one = run(1), two = run(2);
  for (std::size_t i = 0; i < one.size(); ++i) { EXPECT_TRUE(one[i].equal(two[i])) << i; }
}

// A prompt, then tokens one at a time: what a whole pass gives, and the prompt's state stays for another answer.
TEST(GatedDeltaRule, StatesCarryOnWhereTheyWereLeft) {
  const DeltaRuleSpec spec{2, 4, 8, 12};
  const std::int64_t tokens = 70;
  for (const auto& device : {at::Device(at::kCPU), testing::far_device()}) {
    const at::Tensor qkv = random({tokens, columns_of(spec)}, 1).to(at::kFloat);
    const at::Tensor decay = decay_of(random({tokens, 4}, 2).to(at::kFloat));
    const at::Tensor beta = at::sigmoid(random({tokens, 4}, 3).to(at::kFloat));
    const at::Tensor whole = reference::gated_delta_rule(qkv, decay, beta, spec, {{0, 70, {{0, 70}}}});
    const at::Tensor states = at::zeros({3, 4, 8, 12}, at::kFloat).to(device);
    const auto step = [&](std::int64_t begin, std::int64_t count, std::int64_t from, std::int64_t to) {
      const DeltaPlan plan{.runs = {{0, count, from, to}}, .trees = {0}, .states = 3};
      const auto part = [&](const at::Tensor& all) { return all.narrow(0, begin, count).to(device); };
      return cached_gated_delta_rule(part(qkv), part(decay), part(beta), spec, plan, states).cpu();
    };
    EXPECT_LE(testing::difference(step(0, 66, -1, 1), whole.narrow(0, 0, 66)), 1e-5);
    const at::Tensor prompt = states.select(0, 1).clone();
    EXPECT_LE(testing::difference(step(66, 1, 1, 2), whole.narrow(0, 66, 1)), 1e-5);
    EXPECT_LE(testing::difference(step(67, 3, 2, 2), whole.narrow(0, 67, 3)), 1e-5) << "in place";
    EXPECT_TRUE(states.select(0, 1).cpu().equal(prompt.cpu()));
  }
}

TEST(GatedDeltaRule, AnotherDeviceGivesTheSame) {
  const std::vector<Segment> segments = shared_prompt(66, {3, 70}, 2);
  for (const auto dtype : testing::all_dtypes()) {
    testing::Comparison each = comparison({2, 4, 6, 5}, segments);
    const testing::Op here = each.op;
    each.reference = here;
    each.op = [here](const Tensors& in) {
      Tensors moved;
      for (const at::Tensor& tensor : in) { moved.push_back(tensor.to(testing::far_device())); }
      return here(moved).cpu();
    };
    testing::expect_agreement(each, dtype, 4);
  }
}

TEST(GatedDeltaRule, RowsInNoSegmentGiveZeros) {
  const DeltaRuleSpec spec{1, 1, 4, 4};
  const at::Tensor qkv = random({5, 12}, 1).to(at::kFloat).requires_grad_();
  const at::Tensor gate = at::full({5, 1}, -0.5, at::kFloat), beta = at::full({5, 1}, 0.5, at::kFloat);
  const auto plan = std::make_shared<DeltaPlan>(delta_plan({{2, 5, {{2, 5}}}}, 5));
  const at::Tensor out = gated_delta_rule(qkv, gate, beta, spec, plan);
  out.sum().backward();
  EXPECT_EQ(out.narrow(0, 0, 2).abs().sum().item<float>(), 0);
  EXPECT_EQ(qkv.grad().narrow(0, 0, 2).abs().sum().item<float>(), 0);
  EXPECT_GT(qkv.grad().narrow(0, 2, 3).abs().sum().item<float>(), 0);
  const at::NoGradGuard guard;
  EXPECT_FALSE(gated_delta_rule(qkv, gate, beta, spec, plan).requires_grad());
}

}  // namespace
}  // namespace una::kernels
