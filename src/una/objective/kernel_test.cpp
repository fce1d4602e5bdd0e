#include "una/objective/kernel.h"

#include <cmath>

#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "una/base/error.h"

namespace una::objective {
namespace {

at::Tensor scalar(double value) { return at::tensor({value}, at::TensorOptions().dtype(at::kDouble)); }

double loss(const Kernel& kernel, double u, double t) {
  return kernel_loss(kernel, scalar(u), scalar(t)).item<double>();
}

double slope(const Kernel& kernel, double u, double t) {
  const at::Tensor x = scalar(u).requires_grad_();
  return torch::autograd::grad({kernel_loss(kernel, x, scalar(t)).sum()}, {x})[0].item<double>();
}

const Kernel kAll[] = {{Link::kSigmoid, PointLoss::kMse},       {Link::kSigmoid, PointLoss::kBce},
                       {Link::kSigmoid, PointLoss::kL1},        {Link::kSigmoid, PointLoss::kHuber, .3},
                       {Link::kIdentity, PointLoss::kMse},      {Link::kIdentity, PointLoss::kL1},
                       {Link::kIdentity, PointLoss::kHuber, .5}};

TEST(Kernel, SoftplusHasFullDigitsEverywhere) {
  EXPECT_DOUBLE_EQ(exact_softplus(scalar(0)).item<double>(), std::log(2.0));
  EXPECT_NEAR(exact_softplus(scalar(25)).item<double>(), 25 + std::exp(-25.0), 1e-14);
  EXPECT_NEAR(exact_softplus(scalar(-30)).item<double>() / std::exp(-30.0), 1, 1e-12);
  EXPECT_EQ(exact_softplus(scalar(1e4)).item<double>(), 1e4);
  EXPECT_EQ(exact_softplus(scalar(-1e4)).item<double>(), 0);
}

TEST(Kernel, TheSlopeOfSoftplusAtZeroIsOneHalf) {
  const at::Tensor x = scalar(0).requires_grad_();
  EXPECT_DOUBLE_EQ(torch::autograd::grad({exact_softplus(x).sum()}, {x})[0].item<double>(), .5);
}

TEST(Kernel, LossesByHand) {
  const double s = 1 / (1 + std::exp(-.7));
  EXPECT_NEAR(loss({Link::kSigmoid, PointLoss::kMse}, .7, .25), (s - .25) * (s - .25), 1e-15);
  EXPECT_NEAR(loss({Link::kSigmoid, PointLoss::kBce}, .7, .25), -.25 * std::log(s) - .75 * std::log(1 - s),
              1e-14);
  EXPECT_NEAR(loss({Link::kSigmoid, PointLoss::kL1}, .7, .25), s - .25, 1e-15);
  EXPECT_NEAR(loss({Link::kIdentity, PointLoss::kMse}, .7, 2), 1.69, 1e-14);
  EXPECT_NEAR(loss({Link::kIdentity, PointLoss::kL1}, .7, 2), 1.3, 1e-15);
  EXPECT_NEAR(loss({Link::kIdentity, PointLoss::kHuber, .5}, .7, 2), .5 * (1.3 - .25), 1e-15);
  EXPECT_NEAR(loss({Link::kIdentity, PointLoss::kHuber, 2}, .7, 2), .5 * 1.69, 1e-14);
}

TEST(Kernel, TheSlopeInClosedFormIsAutogradS) {
  for (const Kernel& kernel : kAll) {
    for (const double u : {-3., -.4, .01, .9, 4.}) {
      for (const double t : {0., .2, .65, 1.}) {
        EXPECT_NEAR(kernel_slope(kernel, scalar(u), scalar(t)).item<double>(), slope(kernel, u, t), 1e-14);
      }
    }
  }
}

TEST(Kernel, SlopesAgreeWithFiniteDifferences) {
  const double h = 1e-6;
  for (const Kernel& kernel : kAll) {
    for (const double u : {-3., -.4, .01, .9, 4.}) {
      for (const double t : {0., .2, .65, 1.}) {
        const double numeric = (loss(kernel, u + h, t) - loss(kernel, u - h, t)) / (2 * h);
        EXPECT_NEAR(slope(kernel, u, t), numeric, 1e-8)
            << int(kernel.link) << " " << int(kernel.loss) << " u " << u << " t " << t;
      }
    }
  }
}

TEST(Kernel, AHardTargetKeepsItsTinyResidual) {
  const double e = residual(Link::kSigmoid, scalar(60), scalar(1)).item<double>();
  EXPECT_NEAR(e / -std::exp(-60.0), 1, 1e-12);
}

TEST(Kernel, EverythingIsFiniteFarOut) {
  for (const Kernel& kernel : kAll) {
    for (const double u : {-1e4, -800., 800., 1e4}) {
      for (const double t : {0., .3, 1.}) {
        EXPECT_TRUE(std::isfinite(loss(kernel, u, t)));
        EXPECT_TRUE(std::isfinite(slope(kernel, u, t)));
      }
    }
  }
}

TEST(Kernel, BceOverTheIdentityIsABrokenPromise) {
  EXPECT_THROW(loss({Link::kIdentity, PointLoss::kBce}, 0, 1), InternalError);
}

TEST(Kernel, SoftTargetsAreClippedBeforeALogit) {
  EXPECT_EQ(clip_soft_target(0), 1e-3);
  EXPECT_EQ(clip_soft_target(1), 1 - 1e-3);
  EXPECT_EQ(clip_soft_target(.4), .4);
  EXPECT_NEAR(logit(.75), std::log(3.0), 1e-15);
  EXPECT_NEAR(logit(1), std::log(999.0), 1e-12);
}

}  // namespace
}  // namespace una::objective
