#include "una/kernels/adamw.h"

#include <cmath>
#include <limits>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/kernels/reference.h"
#include "una/kernels/testing.h"

namespace una::kernels {
namespace {

using testing::random;

struct State {
  at::Tensor param, m, v;
  explicit State(const at::Tensor& start)
      : param(start.clone()), m(at::zeros_like(start)), v(at::zeros_like(start)) {}
};

// 100 steps of the loop against torch's formula in fp64.
double drift(at::ScalarType dtype, std::int64_t count, const AdamWParams& base) {
  State mine(random({count}, 1).to(dtype)), exact(random({count}, 1));
  const at::Tensor noise = random({count}, 100);
  for (int step = 1; step <= 100; ++step) {
    AdamWParams params = base;
    params.step = step;
    const at::Tensor grad = noise.roll(step) * (step % 7 == 0 ? 10 : 0.1);
    adamw_step(mine.param, grad.to(dtype), mine.m, mine.v, params);
    reference::adamw_step(exact.param, grad, exact.m, exact.v, params);
  }
  return std::max({testing::difference(mine.param, exact.param), testing::difference(mine.m, exact.m),
                   testing::difference(mine.v, exact.v)});
}

TEST(Adamw, FollowsTorchOverAHundredSteps) {
  const AdamWParams plain{.learning_rate = 1e-2};
  const AdamWParams decayed{.learning_rate = 3e-3,
                            .beta1 = 0.8,
                            .beta2 = 0.95,
                            .epsilon = 1e-6,
                            .weight_decay = 0.1,
                            .gradient_scale = 0.37};
  for (const std::int64_t count : {1, 17, 1000}) {
    for (const AdamWParams& params : {plain, decayed}) {
      EXPECT_LE(drift(at::kFloat, count, params), 2e-6);
      EXPECT_LE(drift(at::kDouble, count, params), 1e-13);
    }
  }
}

TEST(Adamw, FollowsTorchAcrossThreads) {
  State mine(random({40001}, 1).to(at::kFloat)), exact(random({40001}, 1));
  const at::Tensor grad = random({40001}, 2);
  adamw_step(mine.param, grad.to(at::kFloat), mine.m, mine.v, {.learning_rate = 0.1});
  reference::adamw_step(exact.param, grad, exact.m, exact.v, {.learning_rate = 0.1});
  EXPECT_LE(testing::difference(mine.param, exact.param), 1e-6);
}

TEST(Adamw, ThreadsChangeNoBit) {
  State one(random({100000}, 1).to(at::kFloat)), many(random({100000}, 1).to(at::kFloat));
  const at::Tensor grad = random({100000}, 2).to(at::kFloat);
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  adamw_step(one.param, grad, one.m, one.v, {});
  const double single = sum_of_squares(grad);
  at::set_num_threads(threads);
  adamw_step(many.param, grad, many.m, many.v, {});
  EXPECT_TRUE(one.param.equal(many.param));
  EXPECT_EQ(single, sum_of_squares(grad));
}

TEST(Adamw, RefusesTensorsOfDifferentSizes) {
  State s(random({4}, 1));
  EXPECT_THROW(adamw_step(s.param, random({5}, 1), s.m, s.v, {}), InternalError);
}

TEST(Adamw, SumOfSquaresIsExactAndCarriesNonFinites) {
  at::Tensor x = random({100001}, 3).to(at::kFloat);
  EXPECT_NEAR(sum_of_squares(x), x.to(at::kDouble).pow(2).sum().item<double>(), 1e-7);
  x[70000] = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(std::isinf(sum_of_squares(x)));
  x[5] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(std::isnan(sum_of_squares(x)));
}

}  // namespace
}  // namespace una::kernels
