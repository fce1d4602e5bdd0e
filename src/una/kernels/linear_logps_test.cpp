#include "una/kernels/linear_logps.h"

#include <cmath>

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

at::Tensor targets_of(std::int64_t rows, std::int64_t vocab) {
  return at::arange(rows, at::kLong) * 7 % vocab;
}

void expect_reference(std::int64_t rows, std::int64_t vocab, std::int64_t cols, const HeadParams& params) {
  const at::Tensor targets = targets_of(rows, vocab);
  for (const auto dtype : testing::all_dtypes()) {
    for (const bool frozen : {true, false}) {
      testing::expect_agreement(
          {[&](const Tensors& in) {
             return linear_logps(in[0], testing::weight_of(in[1], dtype), targets, {}, params).logp;
           },
           [&](const Tensors& in) {
             return reference::linear_logps(in[0], testing::weight_of(in[1], in[0].scalar_type()), targets,
                                            {}, params)
                 .logp;
           },
           {random({rows, cols}, 1), random({vocab, cols}, 2, 0.5)},
           {false, true},
           {false, frozen}},
          dtype);
    }
  }
}

TEST(LinearLogps, AgreesOverShapesAndChunks) {
  expect_reference(1, 2, 3, {});
  expect_reference(17, 101, 24, {.chunk_rows = 1});
  expect_reference(65, 130, 48, {.chunk_rows = 16});
  expect_reference(130, 513, 64, {.chunk_rows = 64});
}

TEST(LinearLogps, AgreesWithTemperatureAndSoftCap) {
  expect_reference(33, 101, 24, {.temperature = 0.7, .chunk_rows = 10});
  expect_reference(33, 101, 24, {.soft_cap = 4, .chunk_rows = 10});
  expect_reference(33, 101, 24, {.temperature = 1.5, .soft_cap = 4});
}

TEST(LinearLogps, GradientsAreTrueByFiniteDifferences) {
  const at::Tensor targets = targets_of(7, 19);
  const HeadParams params{.temperature = 0.8, .soft_cap = 5, .chunk_rows = 3};
  const auto trained = [&](const Tensors& in) {
    return linear_logps(in[0], {in[1], in[1]}, targets, {}, params).logp;
  };
  testing::expect_true_gradients(trained, {random({7, 11}, 1), random({19, 11}, 2)});
  const at::Tensor head = random({19, 11}, 2);
  const auto frozen = [&](const Tensors& in) {
    return linear_logps(in[0], {head, {}}, targets, {}, params).logp;
  };
  testing::expect_true_gradients(frozen, {random({7, 11}, 1)});
}

TEST(LinearLogps, StatisticsAgree) {
  const at::Tensor hidden = random({40, 16}, 1), head = random({50, 16}, 2);
  const at::Tensor targets = targets_of(40, 50);
  for (const auto dtype : {at::kDouble, at::kFloat}) {
    for (const HeadParams& params : {HeadParams{.chunk_rows = 7}, {.temperature = 2, .soft_cap = 3}}) {
      const Weight weight{head.to(dtype), {}};
      const PolicyWants wants{.statistics = true};
      const at::Tensor best = at::Tensor(hidden.matmul(head.t())).argmax(1);
      for (const at::Tensor& aim : {targets, best}) {
        const PolicyOutput got = linear_logps(hidden.to(dtype), weight, aim, wants, params);
        const PolicyOutput wanted = reference::linear_logps(hidden.to(dtype), weight, aim, wants, params);
        EXPECT_LE(testing::difference(got.logp, wanted.logp), 1e-5);
        EXPECT_LE(testing::difference(got.entropy, wanted.entropy), 1e-5);
        EXPECT_LE(testing::difference(got.mean_logit, wanted.mean_logit), 1e-5);
        EXPECT_TRUE(got.greedy.equal(wanted.greedy));
      }
      EXPECT_TRUE(linear_logps(hidden.to(dtype), weight, best, wants, params).greedy.all().item<bool>());
    }
  }
}

TEST(LinearLogps, TemperatureMayComeFromTheWants) {
  const at::Tensor hidden = random({4, 8}, 1), targets = targets_of(4, 9);
  const Weight head{random({9, 8}, 2), {}};
  const at::Tensor a = linear_logps(hidden, head, targets, {.temperature = 0.5}, {}).logp;
  const at::Tensor b = linear_logps(hidden, head, targets, {}, {.temperature = 0.5}).logp;
  EXPECT_TRUE(a.equal(b));
  EXPECT_TRUE(a.equal(linear_logps(hidden, head, targets, {.temperature = 0.5}, {.temperature = 0.5}).logp));
  EXPECT_THROW(linear_logps(hidden, head, targets, {.temperature = 0.5}, {.temperature = 2}), InternalError);
}

TEST(LinearLogps, ExtremeLogitsStayFinite) {
  const at::Tensor hidden = random({4, 8}, 1, 300).to(at::kFloat).set_requires_grad(true);
  const at::Tensor logp =
      linear_logps(hidden, {random({9, 8}, 2).to(at::kFloat), {}}, targets_of(4, 9), {}, {}).logp;
  logp.sum().backward();
  EXPECT_TRUE(logp.isfinite().all().item<bool>());
  EXPECT_TRUE(hidden.grad().isfinite().all().item<bool>());
}

TEST(LinearLogps, RowsDoNotDependOnTheirChunk) {
  const at::Tensor hidden = random({50, 16}, 1), targets = targets_of(50, 33);
  const Weight head{random({33, 16}, 2), {}};
  const at::Tensor whole = linear_logps(hidden, head, targets, {}, {}).logp;
  const at::Tensor parts = linear_logps(hidden, head, targets, {}, {.chunk_rows = 3}).logp;
  EXPECT_LE(testing::difference(parts, whole), 1e-13);
}

TEST(LinearLogps, NoRowsGiveNoLogps) {
  const at::Tensor hidden = random({0, 8}, 1).set_requires_grad(true);
  const at::Tensor logp = linear_logps(hidden, {random({9, 8}, 2), {}}, targets_of(0, 9), {}, {}).logp;
  EXPECT_EQ(logp.numel(), 0);
}

TEST(LinearLogps, RefusesTargetsOutsideTheVocabulary) {
  const Weight head{random({9, 8}, 2), {}};
  EXPECT_THROW(linear_logps(random({1, 8}, 1), head, at::arange(9, 10, at::kLong), {}, {}), InternalError);
}

}  // namespace
}  // namespace una::kernels
