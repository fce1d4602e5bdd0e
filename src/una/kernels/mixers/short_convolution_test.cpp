#include "una/kernels/mixers/short_convolution.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/kernels/reference.h"
#include "una/kernels/standin_device_testing.h"
#include "una/kernels/testing.h"

namespace una::kernels {
namespace {

using testing::random;
using testing::Tensors;
using testing::weight_of;

// A prompt of 4 tokens, answers of 3 and 1 that see it, and a sequence of its own.
const std::vector<Segment>& shared_prompt() {
  static const std::vector<Segment> kSegments = {
      {0, 4, {{0, 4}}}, {4, 7, {{0, 4}, {4, 7}}}, {7, 8, {{0, 4}, {7, 8}}}, {8, 11, {{8, 11}}}};
  return kSegments;
}
constexpr std::int64_t kTokens = 11;

std::vector<std::int64_t> values_of(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.contiguous().view(-1);
  return {flat.const_data_ptr<std::int64_t>(), flat.const_data_ptr<std::int64_t>() + flat.numel()};
}

TEST(ShortConvolution, TapsAreTheLastTokensOfTheOwnSequence) {
  EXPECT_EQ(values_of(convolution_taps(shared_prompt(), kTokens, 3)),
            (std::vector<std::int64_t>{-1, -1, 0, -1, 0, 1, 0, 1,  2,  1, 2,  3, 2, 3, 4, 3, 4,
                                       5,  4,  5, 6,  2, 3, 7, -1, -1, 8, -1, 8, 9, 8, 9, 10}));
  const std::vector<Segment> cached = {
      {0, 1, {{20, 22}, {5, 6}}}, {1, 3, {{7, 8}, {30, 32}}}, {3, 4, {{9, 10}}}};
  EXPECT_EQ(values_of(convolution_taps(cached, 4, 3)),
            (std::vector<std::int64_t>{20, 21, 5, -1, 7, 30, 7, 30, 31, -1, -1, 9}));
  EXPECT_EQ(values_of(convolution_taps({{0, 2, {{0, 2}}}}, 2, 1)), (std::vector<std::int64_t>{0, 1}));
  EXPECT_THROW(convolution_taps({{0, 3, {{0, 2}}}}, 3, 3), InternalError);
}

struct Shape {
  std::int64_t channels, kernel;
  bool bias;
};

testing::Comparison comparison(const Shape& shape) {
  const at::Tensor taps = convolution_taps(shared_prompt(), kTokens, shape.kernel);
  const auto bias = [shape](const Tensors& in) {
    return shape.bias ? weight_of(in[2], in[0].scalar_type()) : Weight{};
  };
  testing::Comparison out{
      .op =
          [=](const Tensors& in) {
            return short_convolution(in[0], taps, weight_of(in[1], in[0].scalar_type()), bias(in));
          },
      .reference =
          [=](const Tensors& in) {
            return reference::short_convolution(in[0], reference::convolution_input(in[0]), taps,
                                                weight_of(in[1], in[0].scalar_type()), bias(in));
          },
      .inputs = {random({kTokens, 3 * shape.channels}, 1), random({shape.channels, 1, shape.kernel}, 2)},
      .is_master = {false, true}};
  if (shape.bias) {
    out.inputs.push_back(random({shape.channels}, 3));
    out.is_master.push_back(true);
  }
  return out;
}

TEST(ShortConvolution, AgreesWithTheReferenceOverShapesAndDtypes) {
  for (const auto dtype : testing::all_dtypes()) {
    for (const Shape shape :
         {Shape{1, 1, false}, {5, 2, true}, {64, 3, false}, {65, 3, true}, {300, 4, true}}) {
      testing::expect_agreement(comparison(shape), dtype);
      testing::Comparison frozen = comparison(shape);
      frozen.is_frozen = {false, true, shape.bias};
      frozen.is_frozen.resize(frozen.inputs.size());
      testing::expect_agreement(frozen, dtype);
    }
  }
}

TEST(ShortConvolution, GradientsAreTrueByFiniteDifferences) {
  for (const std::int64_t kernel : {1, 3, 6}) {
    const at::Tensor taps = convolution_taps(shared_prompt(), kTokens, kernel);
    testing::expect_true_gradients(
        [&](const Tensors& in) { return short_convolution(in[0], taps, {in[1], in[1]}, {in[2], in[2]}); },
        {random({kTokens, 21}, 1), random({7, 1, kernel}, 2), random({7}, 3)});
  }
}

// Packed rows and cached slots are the same numbers read from other places.
TEST(ShortConvolution, ACacheGivesTheBitsOfThePackedRows) {
  for (const auto dtype : testing::all_dtypes()) {
    const at::Tensor bcx = random({5, 15}, 1).to(dtype), weight = random({5, 1, 3}, 2).to(dtype);
    const at::Tensor bias = random({5}, 3).to(dtype);
    const at::Tensor whole =
        short_convolution(bcx, convolution_taps({{0, 5, {{0, 5}}}}, 5, 3), {weight, {}}, {bias, {}});
    at::Tensor cache = at::zeros({9, 5}, bcx.options()).fill_(NAN);
    const std::vector<std::int64_t> slots = {2, 3, 7, 8, 1};  // a prompt of two tokens, then one at a time
    cache.index_copy_(0, at::tensor(slots), convolution_input(bcx));
    const std::vector<std::vector<Segment>> steps = {{{0, 2, {{2, 4}}}},
                                                     {{0, 1, {{2, 4}, {7, 8}}}},
                                                     {{0, 1, {{2, 4}, {7, 9}}}},
                                                     {{0, 1, {{2, 4}, {7, 9}, {1, 2}}}}};
    std::int64_t row = 0;
    for (const auto& step : steps) {
      const std::int64_t count = step[0].query_end;
      const at::Tensor got = cached_short_convolution(bcx.narrow(0, row, count), cache,
                                                      convolution_taps(step, count, 3), weight, bias);
      EXPECT_TRUE(got.equal(whole.narrow(0, row, count))) << row;
      row += count;
    }
  }
}

// The answers' gradients of the prompt's rows are added, in one order for any number of threads.
TEST(ShortConvolution, ResultsDoNotDependOnTheThreads) {
  const at::Tensor bcx = random({kTokens, 3 * 300}, 1).to(at::kFloat),
                   weight = random({300, 1, 3}, 2).to(at::kFloat);
  const at::Tensor taps = convolution_taps(shared_prompt(), kTokens, 3);
  const auto run = [&](int threads) {
    const int before = at::get_num_threads();
    at::set_num_threads(threads);
    const at::Tensor in = bcx.clone().requires_grad_(), w = weight.clone().requires_grad_();
    const at::Tensor out = short_convolution(in, taps, {w, w}, {});
    out.backward(random({kTokens, 300}, 4).to(at::kFloat));
    at::set_num_threads(before);
    return Tensors{out.detach(), in.grad(), w.grad()};
  };
  const Tensors one = run(1), two = run(2);
  for (std::size_t i = 0; i < one.size(); ++i) { EXPECT_TRUE(one[i].equal(two[i])) << i; }
}

TEST(ShortConvolution, AnotherDeviceGivesTheSame) {
  const at::Tensor taps = convolution_taps(shared_prompt(), kTokens, 3);
  for (const auto dtype : testing::all_dtypes()) {
    const auto op = [&](const Tensors& in) {
      return short_convolution(in[0], taps, weight_of(in[1], in[0].scalar_type()),
                               weight_of(in[2], in[0].scalar_type()));
    };
    const auto there = [&](const Tensors& in) {
      Tensors moved;
      for (const at::Tensor& tensor : in) { moved.push_back(tensor.to(testing::far_device())); }
      return op(moved).cpu();
    };
    testing::expect_agreement({.op = there,
                               .reference = op,
                               .inputs = {random({kTokens, 15}, 1), random({5, 1, 3}, 2), random({5}, 3)},
                               .is_master = {false, true, true}},
                              dtype);
  }
}

TEST(ShortConvolution, RecordsNothingWithoutGradMode) {
  const at::Tensor bcx = random({3, 6}, 1).to(at::kFloat).set_requires_grad(true);
  const at::Tensor weight = random({2, 1, 3}, 2).to(at::kFloat);
  const at::Tensor taps = convolution_taps({{0, 3, {{0, 3}}}}, 3, 3);
  const at::NoGradGuard guard;
  EXPECT_FALSE(short_convolution(bcx, taps, {weight, {}}, {}).requires_grad());
}

TEST(ShortConvolution, RefusesTapsOutsideOfTheRows) {
  const at::Tensor bcx = random({2, 6}, 1).to(at::kFloat), weight = random({2, 1, 2}, 2).to(at::kFloat);
  const at::Tensor wrong = at::tensor(std::vector<std::int64_t>{-1, 0, 0, 2}).view({2, 2});
  EXPECT_THROW(short_convolution(bcx, wrong, {weight, {}}, {}), InternalError);
  EXPECT_THROW(short_convolution(bcx.to(at::kDouble), convolution_taps({}, 2, 2), {weight, {}}, {}),
               InternalError);
}

}  // namespace
}  // namespace una::kernels
