#include "una/train/flat_buffer.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/sin.h>
#include <gtest/gtest.h>

namespace una::train {
namespace {

// Tensors whose rules differ, and whose borders are not those of the parts.
FlatBuffer buffer_of(FlatBuffer::Part own, std::int64_t scale = 1) {
  std::vector<model::TrainableTensor> tensors;
  const auto add = [&](const char* name, std::int64_t size, bool decay, double rate, std::int64_t frozen) {
    at::Tensor master = at::arange(size * scale, at::kFloat).sin();
    master.requires_grad_(true);
    tensors.push_back({.name = name, .master = master, .decay = decay, .rate = rate, .frozen_steps = frozen});
  };
  add("a", 37, true, 1, 0);
  add("b", 5, false, 1, 0);
  add("c", 101, true, 3, 0);
  add("d", 20, true, 1, 1);
  FlatBuffer out(std::move(tensors), own);
  out.grads().copy_(at::arange(out.size(), at::kFloat).cos());
  return out;
}

constexpr kernels::AdamWParams kParams{
    .learning_rate = 1e-2, .weight_decay = 0.1, .step = 1, .gradient_scale = 0.7};

void step(FlatBuffer& buffer) {
  for (std::int64_t number = 1; number <= 3; ++number) {
    kernels::AdamWParams params = kParams;
    params.step = number;
    buffer.update(params);
  }
}

TEST(FlatBuffer, PartsCoverTheWholeOnce) {
  for (const int count : {1, 2, 3, 7}) {
    std::int64_t end = 0;
    for (int number = 0; number < count; ++number) {
      const FlatBuffer part = buffer_of({number, count});
      EXPECT_EQ(part.own_begin(), end);
      end += part.own_size();
      EXPECT_LE(part.own_begin() % 64 * part.own_size(), 0) << "in whole lines";
    }
    EXPECT_EQ(end, 163);
  }
}

TEST(FlatBuffer, RanksThatUpdateTheirPartsMakeTheWholeUpdateBitForBit) {
  for (const std::int64_t scale : {1, 1000}) {
    FlatBuffer whole = buffer_of({}, scale);
    const at::Tensor before = whole.values().clone();
    step(whole);
    for (const int count : {2, 3, 5}) {
      std::vector<at::Tensor> values, moments;
      for (int number = 0; number < count; ++number) {
        FlatBuffer part = buffer_of({number, count}, scale);
        EXPECT_EQ(part.exp_avg().numel(), part.own_size());
        step(part);
        const std::int64_t begin = part.own_begin(), size = part.own_size();
        values.push_back(part.values().narrow(0, begin, size));
        moments.push_back(part.exp_avg_sq());
        const std::int64_t end = begin + size;
        EXPECT_TRUE(part.values().narrow(0, 0, begin).equal(before.narrow(0, 0, begin)));
        EXPECT_TRUE(
            part.values().narrow(0, end, part.size() - end).equal(before.narrow(0, end, part.size() - end)));
      }
      EXPECT_TRUE(at::cat(values).equal(whole.values())) << count;
      EXPECT_TRUE(at::cat(moments).equal(whole.exp_avg_sq())) << count;
    }
  }
}

}  // namespace
}  // namespace una::train
