#include "una/model/value_head.h"

#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/testing.h"
#include "una/model/fixtures_testing.h"

namespace una::model {
namespace {

TEST(ValueHead, StartsAtItsBiasForEveryPrompt) {
  const ValueHead head(3, .7, at::kFloat);
  const at::Tensor values = head.values(at::tensor({1., 2., 3., -4., 5., 6.}).view({2, 3}));
  ASSERT_EQ(values.sizes(), (std::vector<std::int64_t>{2}));
  EXPECT_TRUE(values.allclose(at::tensor({.7f, .7f})));
}

TEST(ValueHead, LearnsFromDetachedStates) {
  const ValueHead head(2, 0, at::kDouble);
  const at::Tensor states = at::ones({1, 2}, at::kDouble).requires_grad_();
  head.values(states).sum().backward();
  EXPECT_FALSE(states.grad().defined());
  EXPECT_TRUE(head.trainable()[0].master.grad().equal(at::ones({1, 2}, at::kDouble)));
  EXPECT_TRUE(head.trainable()[1].master.grad().equal(at::ones({1}, at::kDouble)));
}

TEST(ValueHead, ItsFileHoldsItBitForBit) {
  const std::string path = test_folder("value_head") + "/" + kValueHeadFile;
  const ValueHead written(3, 1.0 / 3, at::kFloat);
  weights::write_safetensors(path, written.tensors());
  ValueHead loaded(3, 0, at::kFloat);
  loaded.load(weights::read_safetensors(path), path);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(loaded.tensors()[i].second.equal(written.tensors()[i].second));
  }
  ValueHead other(4, 0, at::kFloat);
  EXPECT_THROW(other.load(weights::read_safetensors(path), path), InputError);
}

// The inputs of a value head: the states of the wanted packed tokens, without history.
TEST(ValueHead, AModelHandsOutTheStatesOfTheWantedTokens) {
  Model model(tiny_spec(), 5, {.train_full = true});
  const PackedBatch batch = pack(tiny_sequences());
  PolicyWants wants;
  wants.state_rows = at::tensor({std::int64_t{2}, std::int64_t{0}});
  const at::Tensor states = model.forward(batch, wants, {}).states;
  const at::Tensor all = model.hidden(batch.tokens, batch.positions, batch.segments, {});
  EXPECT_FALSE(states.requires_grad());
  EXPECT_TRUE(states.equal(all.detach().index_select(0, wants.state_rows)));
  EXPECT_FALSE(model.forward(batch, {}, {}).states.defined());
}

}  // namespace
}  // namespace una::model
