#include <gtest/gtest.h>

#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include "una/base/error.h"
#include "una/base/testing.h"
#include "una/model/fixtures_testing.h"

namespace una::model {
namespace {

weights::StateDict weights_of(const Model& model) {
  weights::StateDict out;
  for (const auto& [name, tensor] : model.named_tensors()) { out.add(name, tensor); }
  return out;
}

weights::StateDict tiny_weights() { return weights_of(Model(tiny_spec(), 5, {})); }

std::string refusal(const ModelSpec& spec, const weights::StateDict& weights) {
  try {
    Model(spec, weights, {}, "the folder");
  } catch (const InputError& error) { return error.what(); }
  return "";
}

TEST(Loading, OneErrorListsAllMissingSurplusAndMisshapenNames) {
  const weights::StateDict good = tiny_weights();
  weights::StateDict bad;
  for (const auto& [name, tensor] : good.all()) {
    if (name == "model.norm.weight" || name == "model.layers.1.mlp.up_proj.weight") { continue; }
    bad.add(name, name == "model.embed_tokens.weight" ? tensor.narrow(0, 0, 39) : tensor);
  }
  bad.add("model.layers.0.self_attn.q_norm.weight", at::ones({6}));
  bad.add("vhead.weight", at::ones({1}));
  const std::string message = refusal(tiny_spec(), bad);
  for (const char* part :
       {"the folder", "missing: ", "model.norm.weight", "model.layers.1.mlp.up_proj.weight",
        "surplus: ", "model.layers.0.self_attn.q_norm.weight", "vhead.weight",
        "model.embed_tokens.weight is [39, 16] but the configuration requires [40, 16]"}) {
    EXPECT_NE(message.find(part), std::string::npos) << part << " not in: " << message;
  }
}

TEST(Loading, AHiddenSizeThatIsNotTheFilesIsNamedByTensor) {
  ModelSpec spec = tiny_spec();
  spec.head_dim = 8;
  const std::string message = refusal(spec, tiny_weights());
  EXPECT_NE(message.find("model.layers.0.self_attn.q_proj.weight is [24, 16]"), std::string::npos) << message;
}

TEST(Loading, RotaryBuffersAreIgnored) {
  weights::StateDict weights = tiny_weights();
  weights.add("model.layers.0.self_attn.rotary_emb.inv_freq", at::ones({3}));
  EXPECT_EQ(refusal(tiny_spec(), weights), "");
}

// As the older files of Pythia hold them, masks in bytes.
TEST(Loading, CausalMasksOfGptNeoxAreIgnored) {
  const weights::StateDict file = weights::read_model_weights(fixture_folder("gpt_neox"));
  weights::StateDict older;
  for (const auto& [name, tensor] : file.all()) { older.add(name, tensor); }
  older.add("gpt_neox.layers.0.attention.bias", at::ones({1, 1, 4, 4}, at::kByte));
  older.add("gpt_neox.layers.0.attention.masked_bias", at::ones({}));
  older.add("gpt_neox.layers.0.attention.rotary_emb.inv_freq", at::ones({3}));
  EXPECT_EQ(refusal(weights::read_model_spec(fixture_folder("gpt_neox")), older), "");
}

// Numbers expanded from a quantised folder are in memory once: q and k are rows of one matrix.
TEST(Loading, NumbersOfAQuantisedFolderDoNotStayBesideTheirStackedMatrix) {
  const std::string layer = "model.layers.0.self_attn.", q = layer + "q_proj.weight",
                    k = layer + "k_proj.weight";
  weights::StateDict stored;
  const weights::StateDict file = tiny_weights();
  for (const auto& [name, tensor] : file.all()) {
    stored.add(name, name == q ? tensor.to(at::kFloat8_e4m3fn) : tensor);
  }
  stored.add(q + "_scale_inv", at::ones({1, 1}));
  const auto storage_of = [](const Model& model, const std::string& wanted) -> const void* {
    for (const auto& [name, tensor] : model.named_tensors()) {
      if (name == wanted) { return tensor.storage().data(); }
    }
    return nullptr;
  };
  const Model quantised(tiny_spec(), stored, {}, "fp8"), plain(tiny_spec(), tiny_weights(), {}, "plain");
  EXPECT_EQ(storage_of(quantised, q), storage_of(quantised, k));
  EXPECT_NE(storage_of(plain, q), storage_of(plain, k)) << "an ordinary folder's are its mapped file's";
}

TEST(Loading, ATiedHeadMayBeThereOrNotButAnUntiedOneMust) {
  const weights::StateDict untied = tiny_weights();
  weights::StateDict with, without;
  for (const auto& [name, tensor] : untied.all()) {
    if (name != "lm_head.weight") { without.add(name, tensor), with.add(name, tensor); }
  }
  with.add("lm_head.weight", with.at("model.embed_tokens.weight").clone());
  ModelSpec tied = tiny_spec();
  tied.tie_word_embeddings = true;
  EXPECT_EQ(refusal(tied, with), "");
  EXPECT_EQ(refusal(tied, without), "");
  EXPECT_NE(refusal(tiny_spec(), without).find("missing: lm_head.weight"), std::string::npos);
  for (const auto& [name, tensor] : Model(tied, with, {}, "tied").named_tensors()) {
    EXPECT_NE(name, "lm_head.weight");
  }
}

TEST(Loading, ATiedHeadThatDiffersFromTheEmbeddingIsRefused) {
  weights::StateDict weights = tiny_weights();
  ModelSpec spec = tiny_spec();
  EXPECT_EQ(refusal(spec, weights), "") << "untied";
  spec.tie_word_embeddings = true;
  const std::string message = refusal(spec, weights);
  for (const char* part : {"the folder: ", "\"tie_word_embeddings\": true", "lm_head.weight differs",
                           "set it to false to use the stored head"}) {
    EXPECT_NE(message.find(part), std::string::npos) << part << " not in: " << message;
  }
  weights.add("score.weight", at::ones({1, 16}));
  spec.num_labels = 1;
  EXPECT_EQ(refusal(spec, weights), "") << "a reward model does not use the head";
}

TEST(Loading, AHundredThousandForeignTensorsGiveOneShortSentence) {
  weights::StateDict weights = tiny_weights();
  for (int i = 0; i < 100'000; ++i) { weights.add("foreign." + std::to_string(i), at::ones({1})); }
  weights.add(std::string(100'000, 'a'), at::ones({1}));
  const std::string message = refusal(tiny_spec(), weights);
  EXPECT_NE(message.find(" and 99998 more"), std::string::npos) << message;
  EXPECT_LT(message.size(), 600U);
}

TEST(Loading, ARewardModelNeedsItsScoreAndACausalModelRefusesOne) {
  weights::StateDict weights = tiny_weights();
  ModelSpec reward = tiny_spec();
  reward.num_labels = 1;
  EXPECT_NE(refusal(reward, weights).find("missing: score.weight"), std::string::npos);
  weights.add("score.weight", at::ones({1, 16}));
  EXPECT_EQ(refusal(reward, weights), "") << "a spare lm_head does not matter";
  EXPECT_NE(refusal(tiny_spec(), weights).find("surplus: score.weight"), std::string::npos);
  reward.num_labels = 3;
  EXPECT_NE(refusal(reward, weights).find("one label"), std::string::npos);
}

TEST(Loading, IntegersAreNoWeights) {
  const weights::StateDict good = tiny_weights();
  weights::StateDict weights;
  for (const auto& [name, tensor] : good.all()) {
    weights.add(name, name == "model.norm.weight" ? tensor.to(at::kLong) : tensor);
  }
  EXPECT_NE(refusal(tiny_spec(), weights).find("not floating point: model.norm.weight"), std::string::npos);
}

TEST(Loading, TensorsThatNeedNoChangeAreNotCopied) {
  const weights::StateDict weights = tiny_weights();
  const Model model(tiny_spec(), weights, {}, "tiny");
  for (const auto& [name, tensor] : model.named_tensors()) {
    EXPECT_EQ(tensor.data_ptr(), weights.at(name).data_ptr()) << name;
  }
}

TEST(Loading, TrainingNeverChangesTheFilesTensors) {
  const weights::StateDict weights = tiny_weights();
  const std::string before = weights.content_hash();
  Model model(tiny_spec(), weights, {.train_full = true}, "tiny");
  for (TrainableTensor& tensor : model.trainable()) {
    EXPECT_NE(tensor.master.data_ptr(), weights.at(tensor.name).data_ptr());
    tensor.master.mutable_data_ptr<float>()[0] += 1;
  }
  model.refresh();
  EXPECT_EQ(weights.content_hash(), before);
}

TEST(Loading, SavedAndLoadedModelsAreEqualByteByByte) {
  const std::string folder = test_folder("model-round-trip");
  for (const char* name : {"llama", "qwen2", "reward"}) {
    const auto model = load_fixture(name);
    weights::write_model_weights(folder, model->named_tensors(), std::int64_t{1} << 30);
    const weights::StateDict saved = weights::read_model_weights(folder);
    EXPECT_EQ(saved.content_hash(), weights::read_model_weights(fixture_folder(name)).content_hash()) << name;
  }
}

TEST(Loading, HalfPrecisionFilesAreConvertedToTheComputeType) {
  const auto model = load_fixture("qwen2");  // stored in fp16
  EXPECT_EQ(model->dtype(), at::kFloat);
  EXPECT_EQ(model->named_tensors()[0].second.scalar_type(), at::kHalf) << "saved as it was stored";
  const auto narrow = load_fixture("qwen2", {.dtype = at::kBFloat16});
  const PackedBatch batch = pack(tiny_sequences());
  const auto logps = [&](Model& any) { return any.forward(batch, {}, {}).logp; };
  EXPECT_LE(max_difference(logps(*narrow), logps(*model)), 0.5);
}

TEST(Loading, UnknownDevicesAreRefused) {
  EXPECT_THROW(Model(tiny_spec(), 5, {.device = at::kCUDA}), InputError);
}

}  // namespace
}  // namespace una::model
