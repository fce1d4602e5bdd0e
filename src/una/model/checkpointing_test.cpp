#include "una/model/checkpointing.h"

#include <gtest/gtest.h>

#include <ATen/ops/sin.h>

#include "una/model/fixtures_testing.h"
#include "una/model/gemma4_testing.h"

namespace una::model {
namespace {

struct Result {
  at::Tensor logps;
  std::vector<at::Tensor> gradients;
};

Result run(Model& model, ForwardOptions options, bool checkpointing) {
  options.gradient_checkpointing = checkpointing;
  const at::Tensor logps = model.forward(pack(tiny_sequences()), {}, options).logp;
  logps.square().sum().backward();
  return {logps.detach(), take_gradients(model)};
}

void expect_equal_bits(Model& model, const ForwardOptions& options) {
  const Result plain = run(model, options, false), little = run(model, options, true);
  EXPECT_TRUE(plain.logps.equal(little.logps));
  ASSERT_EQ(plain.gradients.size(), little.gradients.size());
  double largest = 0;
  for (std::size_t i = 0; i < plain.gradients.size(); ++i) {
    ASSERT_TRUE(plain.gradients[i].defined() && little.gradients[i].defined());
    EXPECT_TRUE(plain.gradients[i].equal(little.gradients[i]));
    largest = std::max(largest, plain.gradients[i].abs().max().item<double>());
  }
  EXPECT_GT(largest, 1e-3);
}

// Gradients that come from several layers are added in another order.
void expect_near_gradients(Model& model, const ForwardOptions& options) {
  const Result plain = run(model, options, false), little = run(model, options, true);
  EXPECT_TRUE(plain.logps.equal(little.logps));
  ASSERT_EQ(plain.gradients.size(), little.gradients.size());
  for (std::size_t i = 0; i < plain.gradients.size(); ++i) {
    ASSERT_TRUE(plain.gradients[i].defined() && little.gradients[i].defined());
    EXPECT_LE(relative_difference(little.gradients[i], plain.gradients[i]), 1e-5) << i;
    EXPECT_GT(plain.gradients[i].abs().max().item<double>(), 1e-6) << i;
  }
}

TEST(Checkpointing, FullTrainingGivesTheSameBits) {
  Model model(tiny_spec({.layers = 3}), 5, {.train_full = true});
  expect_equal_bits(model, {});
}

// The embedding's output does not require grad here.
TEST(Checkpointing, AdaptersAloneGetTheSameBits) {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    Model model(tiny_spec({.layers = 3}), 5, {.dtype = dtype});
    const AdapterId adapter = add_perturbed_adapter(model, {.r = 4, .target_modules = {"all-linear"}});
    expect_equal_bits(model, {.adapter = adapter});
  }
}

TEST(Checkpointing, DropoutDrawsTheSameMasksAgain) {
  Model model(tiny_spec({.layers = 3}), 5, {});
  const AdapterId adapter =
      add_perturbed_adapter(model, {.r = 4, .dropout = 0.3, .target_modules = {"all-linear"}});
  expect_equal_bits(model, {.adapter = adapter, .training = true, .dropout_key = 77});
}

TEST(Checkpointing, DoraGivesTheSameBits) {
  for (const double dropout : {0.0, 0.3}) {
    Model model(tiny_spec({.layers = 3}), 5, {});
    const AdapterId adapter = add_perturbed_adapter(
        model, {.r = 4, .dropout = dropout, .use_dora = true, .target_modules = {"all-linear"}});
    expect_equal_bits(model, {.adapter = adapter, .training = true, .dropout_key = 77});
  }
}

TEST(Checkpointing, AnEmbeddingThatTrainsBelowAdaptersGetsTheSameBits) {
  Model model(tiny_spec({.layers = 3}), 5, {});
  const AdapterId adapter = add_perturbed_adapter(
      model, {.r = 4, .target_modules = {"2.mlp.up_proj"}, .modules_to_save = {"embed_tokens", "norm"}});
  expect_equal_bits(model, {.adapter = adapter});
}

TEST(Checkpointing, AdaptersInTheTopLayerGetTheSameBits) {
  Model model(tiny_spec({.layers = 3}), 5, {});
  const AdapterId adapter = add_perturbed_adapter(model, {.r = 4, .target_modules = {"2.mlp.up_proj"}});
  expect_equal_bits(model, {.adapter = adapter});
}

// Layers that read another layer's keys and values get them from outside, and give gradients back.
TEST(Checkpointing, KeysOfAnotherLayerGetTheSameGradients) {
  for (const char* target :
       {"all-linear", "q_proj", "k_proj", "3.self_attn.q_proj", "per_layer_model_projection"}) {
    Model model(tiny_gemma4_spec(), 5, {});
    const AdapterId adapter = add_perturbed_adapter(model, {.r = 4, .target_modules = {target}});
    expect_near_gradients(model, {.adapter = adapter});
  }
  Model full(tiny_gemma4_spec(), 5, {.train_full = true});
  expect_near_gradients(full, {});
}

TEST(Checkpointing, NothingIsRecordedWhereNothingTrains) {
  Model model(tiny_spec(), 5, {});
  const AdapterId frozen = model.add_adapter({.target_modules = {"q_proj"}}, 1, false);
  const PackedBatch batch = pack(tiny_sequences());
  for (const AdapterId adapter : {kNoAdapter, frozen}) {
    const ForwardOptions options{.adapter = adapter, .gradient_checkpointing = true};
    EXPECT_FALSE(model.forward(batch, {}, options).logp.requires_grad());
  }
}

TEST(Checkpointing, TheLayerRunsOnceAgainAndOnlyInTheBackward) {
  int runs = 0;
  const at::Tensor x = at::arange(5, at::kDouble).set_requires_grad(true);
  const at::Tensor y = checkpointed(
      [&runs](const at::Tensor& input) {
        ++runs;
        return at::sin(input);
      },
      x);
  EXPECT_EQ(runs, 1);
  EXPECT_TRUE(y.requires_grad());
  y.sum().backward();
  EXPECT_EQ(runs, 2);
  EXPECT_TRUE(x.grad().equal(x.detach().cos()));
}

}  // namespace
}  // namespace una::model
