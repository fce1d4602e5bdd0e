#include "una/kernels/experts.h"

#include <gtest/gtest.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/log.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tensor.h>

#include "una/kernels/reference.h"
#include "una/kernels/swiglu.h"
#include "una/kernels/testing.h"

namespace una::kernels {
namespace {

using testing::random;
using testing::Tensors;

struct Sizes {
  std::int64_t tokens, hidden, inner, experts, chosen;
};

// x, the router's logits, then gate, up and down of each expert.
Tensors inputs_of(const Sizes& s) {
  // Values that bf16 represents tie, and no difference quotient crosses a tie.
  const at::Tensor untied =
      at::arange(s.tokens * s.experts, at::kDouble).mul(3e-4).view({s.tokens, s.experts});
  Tensors out = {random({s.tokens, s.hidden}, 1), random({s.tokens, s.experts}, 2) + untied};
  std::uint64_t seed = 3;
  for (std::int64_t e = 0; e < s.experts; ++e) {
    out.push_back(random({s.inner, s.hidden}, seed++, 0.3));
    out.push_back(random({s.inner, s.hidden}, seed++, 0.3));
    out.push_back(random({s.hidden, s.inner}, seed++, 0.3));
  }
  return out;
}

// The experts of `in` from entry 2 on, which are masters; `trains` false: they are frozen.
Experts experts_of(const Tensors& in, bool trains = true) {
  Experts out;
  const at::ScalarType dtype = in[0].scalar_type();
  for (std::size_t i = 2; i + 2 < in.size(); i += 3) {
    Expert expert{.gate_up = at::cat({in[i], in[i + 1]}).detach().to(dtype),
                  .down = testing::weight_of(in[i + 2], dtype)};
    if (trains) {
      expert.gate_master = in[i];
      expert.up_master = in[i + 1];
      expert.down.value = expert.down.value.detach();
    } else {
      expert.down = {in[i + 2].detach().to(dtype), {}};
    }
    out.each.push_back(std::move(expert));
  }
  return out;
}

testing::Comparison comparison(const Sizes& s, bool normed, bool trains) {
  testing::Comparison out;
  const auto choice = [=](const Tensors& in) { return choose_experts(in[1], s.chosen, normed); };
  out.op = [=](const Tensors& in) { return mix_experts(in[0], choice(in), experts_of(in, trains), swiglu); };
  out.reference = [=](const Tensors& in) {
    return reference::mix_experts(in[0], choice(in), experts_of(in, trains), reference::swiglu);
  };
  out.inputs = inputs_of(s);
  out.is_master.assign(out.inputs.size(), true);
  out.is_master[0] = false;
  out.is_frozen.assign(out.inputs.size(), !trains);
  out.is_frozen[0] = out.is_frozen[1] = false;
  return out;
}

TEST(Experts, AgreeWithTheReferenceOverShapesAndDtypes) {
  for (const auto dtype : testing::all_dtypes()) {
    for (const Sizes& s : {Sizes{1, 3, 2, 1, 1}, {7, 5, 4, 3, 2}, {65, 33, 17, 4, 3}, {300, 64, 48, 2, 2}}) {
      for (const bool trains : {true, false}) {
        testing::expect_agreement(comparison(s, s.experts % 2 == 0, trains), dtype, 2);
      }
    }
  }
}

// Frozen experts under LoRA; the adapter's A and B follow the experts in the inputs.
testing::Comparison lora_comparison(const Sizes& s, std::int64_t rank) {
  testing::Comparison out = comparison(s, true, false);
  const std::size_t first = out.inputs.size();
  for (const auto& [in, outs] : {std::pair(s.hidden, 2 * s.inner), std::pair(s.inner, s.hidden)}) {
    out.inputs.push_back(random({rank * s.experts, in}, first + 1, 0.4));
    out.inputs.push_back(random({outs, rank * s.experts}, first + 2, 0.4));
    out.is_master.insert(out.is_master.end(), 2, true);
    out.is_frozen.insert(out.is_frozen.end(), 2, false);
  }
  const auto adapted = [=](const Tensors& in) {
    Experts experts = experts_of(Tensors(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(first)), false);
    const at::ScalarType dtype = in[0].scalar_type();
    const auto lora = [&](std::size_t at) {
      return ExpertLora{testing::weight_of(in[at], dtype), testing::weight_of(in[at + 1], dtype), 0.7};
    };
    experts.gate_up_lora = lora(first);
    experts.down_lora = lora(first + 2);
    return experts;
  };
  const auto choice = [=](const Tensors& in) { return choose_experts(in[1], s.chosen, true); };
  out.op = [=](const Tensors& in) { return mix_experts(in[0], choice(in), adapted(in), swiglu); };
  out.reference = [=](const Tensors& in) {
    return reference::mix_experts(in[0], choice(in), adapted(in), reference::swiglu);
  };
  return out;
}

TEST(Experts, UnderLoraTheyAgreeWithTheReference) {
  for (const auto dtype : testing::all_dtypes()) {
    for (const Sizes& s : {Sizes{7, 5, 4, 3, 2}, {65, 33, 17, 4, 3}}) {
      testing::expect_agreement(lora_comparison(s, 3), dtype, 3);
    }
  }
  const testing::Comparison c = lora_comparison({6, 5, 4, 3, 2}, 2);
  const std::ptrdiff_t first = 2, end = 2 + 3 * 3;  // the experts, which are frozen
  const auto trained = [&](const Tensors& in) {
    Tensors all(in.begin(), in.begin() + first);
    for (auto i = first; i < end; ++i) {
      all.push_back(c.inputs[static_cast<std::size_t>(i)].to(at::kDouble));
    }
    all.insert(all.end(), in.begin() + first, in.end());
    return c.op(all);
  };
  Tensors inputs = c.inputs;
  inputs.erase(inputs.begin() + first, inputs.begin() + end);
  testing::expect_true_gradients(trained, inputs);
}

// gpt_oss's: experts with biases (gate's, up's and down's follow the matrices of all experts), and LoRA whose rows of
// gate and up alternate (A and B of both follow the biases).
testing::Comparison biased_comparison(const Sizes& s, bool trains, std::int64_t rank, double limit = 0.9) {
  testing::Comparison out;
  out.inputs = inputs_of(s);
  const std::size_t first = out.inputs.size();
  std::uint64_t seed = 100;
  for (std::int64_t e = 0; e < s.experts; ++e) {
    for (const std::int64_t size : {s.inner, s.inner, s.hidden}) {
      out.inputs.push_back(random({size}, seed++));
    }
  }
  const std::size_t lora = out.inputs.size();
  for (const auto& [in, outs] : {std::pair(s.hidden, 2 * s.inner), std::pair(s.inner, s.hidden)}) {
    if (rank == 0) { break; }
    out.inputs.push_back(random({rank * s.experts, in}, seed++, 0.4));
    out.inputs.push_back(random({outs, rank * s.experts}, seed++, 0.4));
  }
  const auto experts = [=](const Tensors& in) {
    const at::ScalarType dtype = in[0].scalar_type();
    Experts all = experts_of(Tensors(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(first)), trains);
    for (std::size_t e = 0; e < all.each.size(); ++e) {
      const std::size_t at = first + 3 * e;
      all.each[e].gate_up_bias = at::cat({in[at], in[at + 1]}).detach().to(dtype);
      all.each[e].down_bias = {in[at + 2].detach().to(dtype), trains ? in[at + 2] : at::Tensor()};
      if (trains) { all.each[e].gate_bias_master = in[at], all.each[e].up_bias_master = in[at + 1]; }
    }
    const auto term = [&](std::size_t at, bool interleaved) {
      return ExpertLora{testing::weight_of(in[at], dtype), testing::weight_of(in[at + 1], dtype), 0.7,
                        interleaved};
    };
    if (rank > 0) { all.gate_up_lora = term(lora, true), all.down_lora = term(lora + 2, false); }
    return all;
  };
  const auto choice = [=](const Tensors& in) { return choose_experts(in[1], s.chosen, true); };
  out.op = [=](const Tensors& in) {
    return mix_experts(in[0], choice(in), experts(in),
                       [=](const at::Tensor& gate_up) { return clamped_swiglu(gate_up, 1.702, limit); });
  };
  out.reference = [=](const Tensors& in) {
    return reference::mix_experts(in[0], choice(in), experts(in), [=](const at::Tensor& gate_up) {
      return reference::clamped_swiglu(gate_up, 1.702, limit);
    });
  };
  out.is_master.assign(out.inputs.size(), true);
  out.is_master[0] = false;
  out.is_frozen.assign(out.inputs.size(), false);
  for (std::size_t i = 2; i < lora; ++i) { out.is_frozen[i] = !trains; }
  return out;
}

TEST(Experts, WithBiasesTheyAgreeWithTheReference) {
  for (const auto dtype : testing::all_dtypes()) {
    for (const Sizes& s : {Sizes{1, 3, 2, 1, 1}, {7, 5, 4, 3, 2}, {65, 33, 17, 4, 3}}) {
      for (const bool trains : {true, false}) {
        // In bf16 a rounding may move a number across the limit, and its gradient to zero.
        const double limit = dtype == at::kBFloat16 ? 100 : 0.9;
        testing::expect_agreement(biased_comparison(s, trains, 0, limit), dtype, 3);
        testing::expect_agreement(biased_comparison(s, trains, 3, limit), dtype, 4);
      }
    }
  }
}

TEST(Experts, WithBiasesGradientsAreTrueByFiniteDifferences) {
  for (const std::int64_t rank : {0, 2}) {
    const testing::Comparison c = biased_comparison({6, 5, 4, 4, 2}, true, rank);
    testing::expect_true_gradients(c.op, c.inputs);
  }
}

TEST(Experts, GradientsAreTrueByFiniteDifferences) {
  for (const bool normed : {true, false}) {
    const testing::Comparison c = comparison({6, 5, 4, 4, 2}, normed, true);
    testing::expect_true_gradients(c.op, c.inputs);
  }
}

TEST(Experts, TheChoiceIsTheMostLikelyAndItsWeightsAreProbabilities) {
  const at::Tensor logits = at::log(at::tensor({0.1, 0.5, 0.15, 0.25, 0.4, 0.3, 0.2, 0.1})).view({2, 4});
  const Choice plain = choose_experts(logits, 2, false), normed = choose_experts(logits, 2, true);
  EXPECT_TRUE(plain.experts.equal(at::tensor({1, 3, 0, 1}, at::kLong).view({2, 2})));
  EXPECT_LT(testing::difference(plain.weights, at::tensor({0.5, 0.25, 0.4, 0.3}).view({2, 2})), 1e-6);
  EXPECT_LT(testing::difference(normed.weights,
                                at::tensor({0.5 / 0.75, 0.25 / 0.75, 0.4 / 0.7, 0.3 / 0.7}).view({2, 2})),
            1e-6);
}

TEST(Experts, AnExpertThatNoTokenChoseCostsNothingAndHasNoGradient) {
  Tensors in = inputs_of({3, 4, 2, 3, 1});
  for (at::Tensor& each : in) { each = each.to(at::kFloat).set_requires_grad(true); }
  const Experts experts = experts_of(in);
  const Choice choice{at::tensor({2, 0, 2}, at::kLong).view({3, 1}),
                      at::tensor({1.0F, 1.0F, 1.0F}).view({3, 1})};
  mix_experts(in[0], choice, experts, swiglu).sum().backward();
  EXPECT_TRUE(in[2].grad().defined());
  EXPECT_FALSE(in[5].grad().defined());  // expert 1's gate
  EXPECT_FALSE(in[7].grad().defined());
  EXPECT_TRUE(in[8].grad().defined());
}

// The input is recomputed from its origin where a weight trains, and not even kept where none does.
TEST(Experts, TheInputIsRecomputedFromItsOrigin) {
  Tensors in = inputs_of({9, 4, 3, 3, 2});
  for (at::Tensor& each : in) { each = each.to(at::kFloat).set_requires_grad(true); }
  const at::Tensor half = in[0].detach().mul(0.5);
  int made = 0;
  const InputOrigin origin{half, [&](const at::Tensor& from) {
                             ++made;
                             return from.mul(2);
                           }};
  const auto run = [&](bool trains, const InputOrigin& from) {
    for (at::Tensor& each : in) { each.mutable_grad() = at::Tensor(); }
    const Choice choice = choose_experts(in[1], 2, true);
    mix_experts(in[0], choice, experts_of(in, trains), swiglu, from).square().sum().backward();
    return in[2].grad().defined() ? in[2].grad().clone() : at::Tensor();
  };
  const at::Tensor kept = run(true, {});
  EXPECT_TRUE(run(true, origin).equal(kept));
  EXPECT_EQ(made, 1);
  run(false, origin);
  EXPECT_EQ(made, 1);
}

TEST(Experts, EqualCallsGiveEqualBitsAndARowDoesNotDependOnTheOthers) {
  Tensors in = inputs_of({40, 16, 12, 4, 2});
  for (at::Tensor& each : in) { each = each.to(at::kFloat); }
  const Experts experts = experts_of(in, false);
  const at::Tensor all = mix_experts(in[0], choose_experts(in[1], 2, true), experts, swiglu);
  EXPECT_TRUE(mix_experts(in[0], choose_experts(in[1], 2, true), experts, swiglu).equal(all));
  for (const std::int64_t row : {0, 17, 39}) {
    const Choice choice = choose_experts(in[1].narrow(0, row, 1), 2, true);
    EXPECT_TRUE(mix_experts(in[0].narrow(0, row, 1), choice, experts, swiglu).equal(all.narrow(0, row, 1)));
  }
}

}  // namespace
}  // namespace una::kernels
