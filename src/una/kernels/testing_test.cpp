#include "una/kernels/testing.h"

#include <algorithm>
#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <gtest/gtest.h>

#include "una/base/rng.h"

namespace una::kernels::testing {
namespace {

double tolerance_of(at::ScalarType dtype) {
  return dtype == at::kDouble ? 1e-11 : dtype == at::kFloat ? 2e-5 : 2e-2;
}

at::ScalarType master_type(at::ScalarType dtype) { return dtype == at::kDouble ? at::kDouble : at::kFloat; }

Tensors leaves(const Comparison& c, at::ScalarType dtype, at::ScalarType masters) {
  Tensors out;
  for (std::size_t i = 0; i < c.inputs.size(); ++i) {
    const bool master = !c.is_master.empty() && c.is_master[i];
    at::Tensor leaf = c.inputs[i].to(master ? masters : dtype).clone();
    out.push_back(leaf.set_requires_grad(c.is_frozen.empty() || !c.is_frozen[i]));
  }
  return out;
}

void zero(Tensors& inputs) {
  for (at::Tensor& input : inputs) { input.mutable_grad() = at::Tensor(); }
}

}  // namespace

at::Tensor random(at::IntArrayRef sizes, std::uint64_t seed, double scale) {
  at::Tensor out = at::empty(sizes, at::kDouble);
  Rng rng(seed, stream_id("kernel tests"));
  auto* data = out.mutable_data_ptr<double>();
  for (std::int64_t i = 0; i < out.numel(); ++i) { data[i] = rng.normal() * scale; }
  return out.to(at::kBFloat16).to(at::kDouble);
}

double difference(const at::Tensor& got, const at::Tensor& wanted) {
  if (got.sizes() != wanted.sizes()) { return std::numeric_limits<double>::infinity(); }
  if (wanted.numel() == 0) { return 0; }
  const at::Tensor a = got.detach().to(at::kDouble), b = wanted.detach().to(at::kDouble);
  const double largest = (a - b).abs().max().item<double>(), scale = b.abs().max().item<double>();
  return largest == largest ? largest / std::max(scale, 1e-3) : std::numeric_limits<double>::infinity();
}

void expect_agreement(const Comparison& c, at::ScalarType dtype, double factor) {
  const at::ScalarType oracle = master_type(dtype);
  Tensors mine = leaves(c, dtype, oracle), theirs = leaves(c, oracle, oracle);
  const at::Tensor got = c.op(mine), wanted = c.reference(theirs);
  const double limit = tolerance_of(dtype) * factor;
  EXPECT_LE(difference(got, wanted), limit) << "output, " << toString(dtype);
  if (!wanted.requires_grad()) { return; }
  const at::Tensor grad = random(wanted.sizes(), 99);
  zero(mine);
  got.backward(grad.to(got.scalar_type()));
  wanted.backward(grad.to(wanted.scalar_type()));
  for (std::size_t i = 0; i < mine.size(); ++i) {
    if (!theirs[i].requires_grad()) {
      EXPECT_FALSE(mine[i].grad().defined()) << "input " << i;
      continue;
    }
    ASSERT_TRUE(mine[i].grad().defined()) << "input " << i << ", " << toString(dtype);
    EXPECT_EQ(mine[i].grad().scalar_type(), mine[i].scalar_type());
    EXPECT_LE(difference(mine[i].grad(), theirs[i].grad()), limit)
        << "gradient " << i << ", " << toString(dtype);
  }
}

void expect_true_gradients(const Op& op, const Tensors& inputs, double tolerance) {
  Tensors variables;
  for (const at::Tensor& input : inputs) {
    variables.push_back(input.to(at::kDouble).clone().set_requires_grad(true));
  }
  const at::Tensor out = op(variables);
  const at::Tensor weights = random(out.sizes(), 7);
  (out * weights).sum().backward();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const at::Tensor direction = random(inputs[i].sizes(), 1000 + i);
    const auto value = [&](double step) {
      Tensors moved;
      for (const at::Tensor& v : variables) { moved.push_back(v.detach()); }
      moved[i] = moved[i] + direction * step;
      return (op(moved) * weights).sum().item<double>();
    };
    const double step = 1e-5, numeric = (value(step) - value(-step)) / (2 * step);
    const double analytic = (variables[i].grad() * direction).sum().item<double>();
    EXPECT_NEAR(analytic, numeric, tolerance * std::max(1.0, std::abs(numeric))) << "input " << i;
  }
}

Weight weight_of(const at::Tensor& master, at::ScalarType dtype) {
  return {master.detach().to(dtype), master};
}

const std::vector<at::ScalarType>& all_dtypes() {
  static const std::vector<at::ScalarType> types{at::kDouble, at::kFloat, at::kBFloat16};
  return types;
}

TEST(Testing, DifferenceIsRelativeToTheLargestValueAndInfiniteForNan) {
  const at::Tensor a = random({4}, 1);
  EXPECT_EQ(difference(a, a), 0);
  EXPECT_NEAR(difference(a * 1.5, a), 0.5, 1e-12);
  EXPECT_EQ(difference(a / 0.0 * 0.0, a), std::numeric_limits<double>::infinity());
  EXPECT_EQ(difference(random({3}, 1), a), std::numeric_limits<double>::infinity());
}

}  // namespace una::kernels::testing
