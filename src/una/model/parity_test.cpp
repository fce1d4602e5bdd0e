// Our numbers against those that transformers and PEFT recorded (tests/parity/model_fixtures.py).
#include <gtest/gtest.h>

#include "una/model/fixtures_testing.h"
#include "una/weights/peft_adapter.h"

namespace una::model {
namespace {

constexpr double kLogpTolerance = 1e-5, kGradientTolerance = 1e-4;

weights::StateDict reference_of(const std::string& name) {
  return weights::read_safetensors(fixture_folder(name) + "/reference.safetensors");
}

void expect_gradients(Model& model, const weights::StateDict& reference) {
  std::size_t compared = 0;
  for (const TrainableTensor& tensor : model.trainable()) {
    ASSERT_TRUE(reference.has("grad." + tensor.name)) << tensor.name;
    ASSERT_TRUE(tensor.master.grad().defined()) << tensor.name;
    EXPECT_LE(relative_difference(tensor.master.grad(), reference.at("grad." + tensor.name)),
              kGradientTolerance)
        << tensor.name;
    ++compared;
  }
  std::size_t recorded_gradients = 0;
  for (const std::string& name : reference.names()) recorded_gradients += name.rfind("grad.", 0) == 0 ? 1 : 0;
  EXPECT_EQ(compared, recorded_gradients);
}

class Parity : public testing::TestWithParam<const char*> {};

TEST_P(Parity, LogProbsAndEveryGradientEqualTransformers) {
  const weights::StateDict reference = reference_of(GetParam());
  const auto model = load_fixture(GetParam(), {.train_full = true});
  const PackedBatch batch = pack(recorded_ids(reference));
  const at::Tensor logps = model->forward(batch, {}, {}).logp;
  EXPECT_LE(max_difference(logps.detach(), recorded(reference, "logps")), kLogpTolerance);
  logps.sum().backward();
  expect_gradients(*model, reference);
}

TEST_P(Parity, FrozenWeightsGiveTheSameLogProbsWithoutHistory) {
  const weights::StateDict reference = reference_of(GetParam());
  const auto model = load_fixture(GetParam());
  const at::Tensor logps = model->forward(pack(recorded_ids(reference)), {}, {}).logp;
  EXPECT_FALSE(logps.requires_grad());
  EXPECT_LE(max_difference(logps, recorded(reference, "logps")), kLogpTolerance);
}

TEST_P(Parity, FourGreedyTokensEqualTransformers) {
  const weights::StateDict reference = reference_of(GetParam());
  const auto model = load_fixture(GetParam());
  const Ids expected = ids_of(reference.at("greedy"));
  Ids ids(expected.begin(), expected.begin() + 4);
  while (ids.size() < expected.size()) {
    const PackedBatch batch = pack({ids});
    const at::Tensor states = model->hidden(batch.tokens, batch.positions, batch.segments, {});
    ids.push_back(model->logits(states.narrow(0, states.size(0) - 1, 1)).argmax().item<std::int64_t>());
  }
  EXPECT_EQ(ids, expected);
}

INSTANTIATE_TEST_SUITE_P(Families, Parity, testing::Values("llama", "mistral", "qwen2"),
                         [](const auto& param) { return std::string(param.param); });

TEST(Parity, RewardScoresAndEveryGradientEqualTransformers) {
  const weights::StateDict reference = reference_of("reward");
  const auto model = load_fixture("reward", {.train_full = true});
  EXPECT_TRUE(model->has_reward_head());
  const PackedBatch batch = pack(recorded_ids(reference));
  const at::Tensor scores = model->forward(batch, {.logp = false, .score = true}, {}).score;
  EXPECT_EQ(scores.scalar_type(), at::kFloat);
  EXPECT_LE(max_difference(scores.detach(), recorded(reference, "score")), kLogpTolerance);
  scores.sum().backward();
  expect_gradients(*model, reference);
}

TEST(Parity, AdapterLogProbsAndGradientsEqualPeft) {
  const std::string folder = fixture_folder("llama/adapter");
  const weights::StateDict reference = weights::read_safetensors(fixture_folder("llama/adapter.safetensors"));
  const auto model = load_fixture("llama");
  const AdapterId adapter = model->load_adapter(weights::read_adapter_config(folder),
                                                weights::read_adapter_weights(folder), true, "adapter");
  const PackedBatch batch = pack(recorded_ids(reference));
  const at::Tensor logps = model->forward(batch, {}, {.adapter = adapter}).logp;
  EXPECT_LE(max_difference(logps.detach(), recorded(reference, "logps")), kLogpTolerance);
  logps.sum().backward();
  expect_gradients(*model, reference);
}

}  // namespace
}  // namespace una::model
