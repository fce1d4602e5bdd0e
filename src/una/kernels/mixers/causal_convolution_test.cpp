#include "una/kernels/mixers/causal_convolution.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/kernels/mixers/short_convolution.h"
#include "una/kernels/reference.h"
#include "una/kernels/standin_device_testing.h"
#include "una/kernels/testing.h"

namespace una::kernels {
namespace {

using testing::random;
using testing::Tensors;
using testing::weight_of;

constexpr std::int64_t kTokens = 11;

// A prompt of 4 tokens, answers of 3 and 1 that see it, and a sequence of its own.
at::Tensor taps_of(std::int64_t kernel) {
  return convolution_taps(
      {{0, 4, {{0, 4}}}, {4, 7, {{0, 4}, {4, 7}}}, {7, 8, {{0, 4}, {7, 8}}}, {8, 11, {{8, 11}}}}, kTokens,
      kernel);
}

testing::Comparison comparison(std::int64_t channels, std::int64_t kernel) {
  const at::Tensor taps = taps_of(kernel);
  return {.op =
              [=](const Tensors& in) {
                return causal_convolution(in[0], taps, weight_of(in[1], in[0].scalar_type()));
              },
          .reference =
              [=](const Tensors& in) {
                return reference::causal_convolution(in[0], taps, weight_of(in[1], in[0].scalar_type()));
              },
          .inputs = {random({kTokens, channels}, 1), random({channels, 1, kernel}, 2)},
          .is_master = {false, true}};
}

TEST(CausalConvolution, AgreesWithTheReferenceOverShapesAndDtypes) {
  for (const auto dtype : testing::all_dtypes()) {
    for (const auto& [channels, kernel] : {std::pair{1, 1}, {5, 2}, {64, 4}, {300, 3}}) {
      testing::expect_agreement(comparison(channels, kernel), dtype);
      testing::Comparison frozen = comparison(channels, kernel);
      frozen.is_frozen = {false, true};
      testing::expect_agreement(frozen, dtype);
    }
  }
}

TEST(CausalConvolution, GradientsAreTrueByFiniteDifferences) {
  for (const std::int64_t kernel : {1, 4}) {
    const at::Tensor taps = taps_of(kernel);
    testing::expect_true_gradients(
        [&](const Tensors& in) { return causal_convolution(in[0], taps, {in[1], in[1]}); },
        {random({kTokens, 7}, 1), random({7, 1, kernel}, 2)});
  }
}

TEST(CausalConvolution, RowsFromElsewhereGiveTheSameBits) {
  for (const auto dtype : testing::all_dtypes()) {
    const at::Tensor x = random({5, 9}, 1).to(dtype), weight = random({9, 1, 3}, 2).to(dtype);
    const at::Tensor whole = causal_convolution(x, convolution_taps({{0, 5, {{0, 5}}}}, 5, 3), {weight, {}});
    const at::Tensor last = at::tensor(std::vector<std::int64_t>{0, 1, 2, 1, 2, 3}).view({2, 3});
    EXPECT_TRUE(cached_causal_convolution(x.narrow(0, 1, 4), last, weight).equal(whole.narrow(0, 3, 2)));
  }
}

TEST(CausalConvolution, ResultsDoNotDependOnTheThreads) {
  const at::Tensor x = random({kTokens, 300}, 1).to(at::kFloat),
                   weight = random({300, 1, 4}, 2).to(at::kFloat);
  const auto run = [&](int threads) {
    const int before = at::get_num_threads();
    at::set_num_threads(threads);
    const at::Tensor in = x.clone().requires_grad_(), w = weight.clone().requires_grad_();
    const at::Tensor out = causal_convolution(in, taps_of(4), {w, w});
    out.backward(random({kTokens, 300}, 4).to(at::kFloat));
    at::set_num_threads(before);
    return Tensors{out.detach(), in.grad(), w.grad()};
  };
  const Tensors one = run(1), two = run(2);
  for (std::size_t i = 0; i < one.size(); ++i) { EXPECT_TRUE(one[i].equal(two[i])) << i; }
}

TEST(CausalConvolution, AnotherDeviceGivesTheSame) {
  for (const auto dtype : testing::all_dtypes()) {
    testing::Comparison each = comparison(5, 3);
    const testing::Op here = each.op;
    each.reference = here;
    each.op = [here](const Tensors& in) {
      Tensors moved;
      for (const at::Tensor& tensor : in) { moved.push_back(tensor.to(testing::far_device())); }
      return here(moved).cpu();
    };
    testing::expect_agreement(each, dtype);
  }
}

TEST(CausalConvolution, RefusesTapsOutsideOfTheRows) {
  const at::Tensor x = random({2, 3}, 1).to(at::kFloat), weight = random({3, 1, 2}, 2).to(at::kFloat);
  const at::Tensor wrong = at::tensor(std::vector<std::int64_t>{-1, 0, 0, 2}).view({2, 2});
  EXPECT_THROW(causal_convolution(x, wrong, {weight, {}}), InternalError);
  const at::NoGradGuard guard;
  EXPECT_FALSE(causal_convolution(x, convolution_taps({}, 2, 2), {weight, {}}).requires_grad());
}

}  // namespace
}  // namespace una::kernels
