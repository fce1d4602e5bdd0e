// A reward head with a bias: transformers does not create one, but some trained models have it.
#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/model/fixtures_testing.h"

namespace una::model {
namespace {

const PolicyWants kScore{.logp = false, .score = true};

weights::StateDict reward_weights(double bias) {
  const Model base(tiny_spec(), 3, {});
  weights::StateDict out;
  for (const auto& [name, tensor] : base.named_tensors()) { out.add(name, tensor); }
  out.add("score.weight", at::ones({1, tiny_spec().hidden_size}));
  if (bias != 0) { out.add("score.bias", at::full({1}, bias)); }
  return out;
}

ModelSpec reward_spec() {
  ModelSpec spec = tiny_spec();
  spec.num_labels = 1;
  return spec;
}

at::Tensor scores(Model& model, AdapterId adapter = kNoAdapter) {
  return model.forward(pack(tiny_sequences()), kScore, {.adapter = adapter}).score.detach();
}

TEST(ScoreBias, IsAddedAndSavedWithTheModel) {
  Model plain(reward_spec(), reward_weights(0), {}, "plain"),
      biased(reward_spec(), reward_weights(1.5), {}, "biased");
  EXPECT_LE(max_difference(scores(biased), scores(plain) + 1.5), 1e-6);
  weights::StateDict saved;
  for (const auto& [name, tensor] : biased.named_tensors()) { saved.add(name, tensor); }
  ASSERT_TRUE(saved.has("score.bias"));
  Model again(reward_spec(), saved, {}, "again");
  EXPECT_TRUE(scores(again).equal(scores(biased)));
}

TEST(ScoreBias, TrainsWithTheHeadAndTravelsInItsAdapter) {
  Model model(reward_spec(), reward_weights(1.5), {}, "biased");
  LoraSpec lora;
  lora.r = 2;
  lora.target_modules = {"all-linear"};
  lora.task_type = "SEQ_CLS";
  lora.modules_to_save = {"score"};
  const AdapterId adapter = model.add_adapter(lora, 1, true);
  const TrainableTensor last = model.trainable().back();
  EXPECT_EQ(last.name, "score.bias");
  EXPECT_FALSE(last.decay);
  model.forward(pack(tiny_sequences()), kScore, {.adapter = adapter}).score.sum().backward();
  EXPECT_EQ(last.master.grad().item<double>(), static_cast<double>(tiny_sequences().size()));
  weights::StateDict saved;
  for (const auto& [name, tensor] : model.adapter_tensors(adapter)) {
    saved.add(name.substr(std::string("base_model.model.").size()), tensor);
  }
  Model other(tiny_spec(), 3, {});
  const AdapterId loaded = other.load_adapter(lora, saved, false, "adapter");
  EXPECT_TRUE(scores(other, loaded).equal(scores(model, adapter)));
}

TEST(ScoreBias, AnotherShapeIsRefused) {
  weights::StateDict weights = reward_weights(0);
  weights.add("score.bias", at::ones({2}));
  EXPECT_THROW(Model(reward_spec(), weights, {}, "wrong"), InputError);
}

}  // namespace
}  // namespace una::model
