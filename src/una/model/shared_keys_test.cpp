// Gemma 4, whose last layers read the keys and values of earlier ones: what recorded models do not show.
#include <gtest/gtest.h>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/ones.h>

#include "una/base/error.h"
#include "una/model/fixtures_testing.h"

namespace una::model {
namespace {

constexpr const char* kFixtures[] = {"gemma4", "gemma4_shared"};

TEST(SharedKeys, AnswersToOnePromptAreThoseOfEachAlone) {
  const Ids prompt = {3, 17, 25, 9, 11, 2, 30};
  const std::vector<Ids> answers = {{31, 8, 2, 14, 6, 6, 1}, {5}, {33, 12, 4}};
  for (const char* fixture : kFixtures) {
    const auto model = load_fixture(fixture, {.dtype = at::kDouble, .train_full = true});
    model->forward(pack_shared(prompt, answers), {}, {}).logp.square().sum().backward();
    const std::vector<at::Tensor> shared = take_gradients(*model);
    for (const Ids& answer : answers) {
      model->forward(pack_shared(prompt, {answer}), {}, {}).logp.square().sum().backward();
    }
    const std::vector<at::Tensor> alone = take_gradients(*model);
    for (std::size_t i = 0; i < shared.size(); ++i) {
      EXPECT_LE(relative_difference(shared[i], alone[i]), 1e-9) << fixture << " " << i;
    }
  }
}

// A prompt in pieces, so that the sharing layers read what earlier calls have cached.
TEST(SharedKeys, ACacheFilledInPiecesGivesTheSameStates) {
  const at::NoGradGuard no_grad;
  const Ids ids = {3, 17, 25, 9, 11, 2, 30, 31, 8, 2, 14, 6, 6, 1};
  for (const char* fixture : kFixtures) {
    const auto model = load_fixture(fixture);
    const PackedBatch batch = pack({ids});
    const at::Tensor whole = model->hidden(batch.tokens, batch.positions, batch.segments, {});
    KvCache cache(*model, static_cast<std::int64_t>(ids.size()));
    std::int64_t begin = 0;
    for (const std::int64_t end : {5, 6, 11, 14}) {
      const at::Tensor places = at::arange(begin, end, at::kLong);
      const auto queries = static_cast<std::int32_t>(end - begin), keys = static_cast<std::int32_t>(end);
      const at::Tensor states = model->hidden_cached(batch.tokens.narrow(0, begin, queries), places,
                                                     {{0, queries, {{0, keys}}}}, places, cache, {});
      EXPECT_LE(max_difference(states, whole.narrow(0, begin, queries)), 1e-5) << fixture << " " << end;
      begin = end;
    }
  }
}

TEST(SharedKeys, SharingLayersTakeNoPlaceInTheCache) {
  const auto model = load_fixture("gemma4_shared");
  KvCache cache(*model, 8);
  EXPECT_EQ(cache.keys(1).size(2), 6);
  EXPECT_EQ(cache.keys(2).size(2), 8) << "a full layer has heads of another size";
  EXPECT_EQ(cache.keys(3).numel(), 0);
  EXPECT_EQ(cache.values(4).numel(), 0);
}

// Google's files hold them; transformers ignores them too.
TEST(SharedKeys, KeysThatNoLayerReadsArePassedOver) {
  const std::string folder = fixture_folder("gemma4_shared");
  const weights::StateDict stored = weights::read_model_weights(folder);
  const auto with = [&](const std::string& name) {
    weights::StateDict out;
    for (const auto& [each, tensor] : stored.all()) { out.add(each, tensor); }
    out.add(name, at::ones({12, 16}));
    return error_of([&] { Model(weights::read_model_spec(folder), out, {}, "folder"); });
  };
  EXPECT_EQ(with("model.layers.3.self_attn.k_proj.weight"), "no error");
  EXPECT_NE(with("model.layers.5.self_attn.k_proj.weight").find("surplus"), std::string::npos);
}

// The numbers that multiply each layer's result are stored, and stay as they are.
TEST(SharedKeys, LayerScalarsDoNotTrainAndAreSaved) {
  const auto model = load_fixture("gemma4", {.train_full = true});
  for (const TrainableTensor& tensor : model->trainable()) {
    EXPECT_EQ(tensor.name.find("layer_scalar"), std::string::npos);
  }
  std::size_t saved = 0;
  for (const auto& [name, tensor] : model->named_tensors()) {
    saved += name.find("layer_scalar") == std::string::npos ? 0 : 1;
  }
  EXPECT_EQ(saved, 3U);
}

}  // namespace
}  // namespace una::model
