#include "una/model/lora.h"

#include <gtest/gtest.h>

#include <ATen/ops/arange.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/testing.h"
#include "una/model/fixtures_testing.h"
#include "una/weights/peft_adapter.h"

namespace una::model {
namespace {

const LoraSpec kAll{.r = 4, .alpha = 8, .target_modules = {"all-linear"}};
const LoraSpec kDora{.r = 4, .alpha = 8, .use_dora = true, .target_modules = {"all-linear"}};

at::Tensor logps_of(Model& model, AdapterId adapter, const ForwardOptions& options = {}) {
  ForwardOptions call = options;
  call.adapter = adapter;
  return model.forward(pack(tiny_sequences()), {}, call).logp;
}

weights::StateDict without_prefix(const std::vector<std::pair<std::string, at::Tensor>>& tensors) {
  weights::StateDict out;
  for (const auto& [name, tensor] : tensors) {
    EXPECT_EQ(name.rfind("base_model.model.", 0), 0U) << name;
    out.add(name.substr(17), tensor);
  }
  return out;
}

TEST(Lora, AFreshAdapterLeavesEveryBitOfTheBase) {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16, at::kDouble}) {
    Model model(tiny_spec(), 5, {.dtype = dtype});
    LoraSpec copies = kAll;
    copies.modules_to_save = {"embed_tokens", "lm_head", "norm"};
    for (const LoraSpec& spec : {kAll, kDora, copies}) {
      const AdapterId adapter = model.add_adapter(spec, 1, true);
      EXPECT_TRUE(logps_of(model, adapter).detach().equal(logps_of(model, kNoAdapter)));
    }
  }
}

TEST(Lora, AFreshDoraMagnitudeIsTheNormOfTheRows) {
  Model model(tiny_spec(), 5, {.dtype = at::kBFloat16});
  const AdapterId adapter = model.add_adapter(kDora, 1, true);
  const weights::StateDict saved = without_prefix(model.adapter_tensors(adapter));
  EXPECT_EQ(saved.size(), 2U * 7U * 3U);
  for (const auto& [name, tensor] : model.named_tensors()) {
    const std::string magnitude = name.substr(0, name.rfind('.')) + ".lora_magnitude_vector";
    if (!saved.has(magnitude)) { continue; }
    EXPECT_LE(max_difference(saved.at(magnitude), tensor.to(at::kDouble).norm(2, {1})), 1e-6) << name;
  }
}

TEST(Lora, TheRowsOfAMergedDoraAreAsLongAsTheMagnitudeSays) {
  Model model(tiny_spec(), 5, {});
  const AdapterId adapter = add_perturbed_adapter(model, kDora);
  for (TrainableTensor& tensor : model.trainable()) {
    if (!ends_with(tensor.name, "magnitude_vector")) { continue; }
    tensor.master.set_data(at::arange(tensor.master.numel(), at::kFloat).mul(0.1).add(0.3));
  }
  model.refresh();
  for (const auto& [name, tensor] : model.merged_tensors(adapter, at::kDouble)) {
    if (name.find("_proj") == std::string::npos) { continue; }
    const at::Tensor wanted = at::arange(tensor.size(0), at::kDouble).mul(0.1).add(0.3);
    EXPECT_LE(max_difference(tensor.norm(2, {1}), wanted), 1e-6) << name;
  }
}

TEST(Lora, AFreshAIsUniformWithinOneOverTheRootOfItsInput) {
  Model model(tiny_spec(), 5, {});
  const AdapterId adapter = model.add_adapter(kAll, 1, true);
  for (const auto& [name, tensor] : model.adapter_tensors(adapter)) {
    if (name.find("lora_B") != std::string::npos) {
      EXPECT_EQ(tensor.abs().max().item<double>(), 0) << name;
      continue;
    }
    const double bound = 1 / std::sqrt(static_cast<double>(tensor.size(1)));
    EXPECT_LE(tensor.abs().max().item<double>(), bound) << name;
    EXPECT_NEAR(tensor.std().item<double>(), bound / std::sqrt(3.0), 0.15 * bound) << name;
  }
}

TEST(Lora, TrainableTensorsComeInAFixedOrderWithPeftsNames) {
  Model model(tiny_spec({.layers = 1}), 5, {});
  model.add_adapter({.r = 2, .target_modules = {"v_proj", "q_proj"}}, 1, true);
  model.add_adapter(kAll, 2, false);
  std::vector<std::string> names;
  for (const TrainableTensor& tensor : model.trainable()) {
    EXPECT_TRUE(tensor.master.requires_grad());
    EXPECT_EQ(tensor.master.scalar_type(), at::kFloat);
    names.push_back(tensor.name);
  }
  const std::string q = "model.layers.0.self_attn.q_proj.lora_", v = "model.layers.0.self_attn.v_proj.lora_";
  EXPECT_EQ(names,
            (std::vector<std::string>{q + "A.weight", q + "B.weight", v + "A.weight", v + "B.weight"}));
}

TEST(Lora, ACloneKeepsItsValuesWhileTheOriginalMoves) {
  Model model(tiny_spec(), 5, {});
  LoraSpec everything = kDora;
  everything.modules_to_save = {"embed_tokens", "lm_head", "norm"};
  const AdapterId adapter = add_perturbed_adapter(model, everything);
  const AdapterId clone = model.clone_adapter(adapter);
  const at::Tensor before = logps_of(model, adapter).detach();
  EXPECT_TRUE(logps_of(model, clone).equal(before));
  EXPECT_FALSE(logps_of(model, clone).requires_grad());
  const std::size_t trained = model.trainable().size();
  for (TrainableTensor& tensor : model.trainable()) { tensor.master.mutable_data_ptr<float>()[0] += 1; }
  model.refresh();
  EXPECT_TRUE(logps_of(model, clone).equal(before));
  EXPECT_GT(max_difference(logps_of(model, adapter).detach(), before), 1e-3);
  EXPECT_EQ(trained, 2U * 7U * 3U + 7U);
}

TEST(Lora, MergedWeightsSayWhatTheAdapterSays) {
  LoraSpec spec = kAll;
  spec.use_rslora = true;
  spec.rank_pattern = {{"down_proj", 2}};
  spec.alpha_pattern = {{"1.mlp.up_proj", 3}};
  Model model(tiny_spec(), 5, {});
  const AdapterId adapter = add_perturbed_adapter(model, spec);
  weights::StateDict merged;
  for (const auto& [name, tensor] : model.merged_tensors(adapter, at::kFloat)) { merged.add(name, tensor); }
  Model whole(tiny_spec(), merged, {}, "merged");
  EXPECT_LE(max_difference(logps_of(whole, kNoAdapter), logps_of(model, adapter).detach()), 1e-5);
  EXPECT_GT(max_difference(logps_of(model, kNoAdapter), logps_of(model, adapter).detach()), 1e-2);
}

TEST(Lora, AnUnknownTargetIsRefusedWithTheModelsLinears) {
  Model model(tiny_spec(), 5, {});
  for (const char* target : {"c_attn", "proj", "lm_head"}) {
    try {
      model.add_adapter({.target_modules = {"q_proj", target}}, 1, true);
      ADD_FAILURE() << target;
    } catch (const InputError& error) {
      const std::string message = error.what();
      EXPECT_NE(message.find(target), std::string::npos);
      EXPECT_NE(message.find("q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj"),
                std::string::npos);
    }
  }
  EXPECT_THROW(model.add_adapter({.target_modules = {"(q_proj"}, .targets_are_regex = true}, 1, true),
               InputError);
}

TEST(Lora, ModulesThatAreNotSavedWholeAreRefusedByName) {
  Model model(tiny_spec(), 5, {});
  for (const char* name : {"q_proj", "mlp", "self_attn", "classifier"}) {
    const std::string error = error_of([&] { model.add_adapter({.modules_to_save = {name}}, 1, true); });
    EXPECT_NE(error.find(name), std::string::npos) << error;
    EXPECT_NE(error.find("embed_tokens, input_layernorm, post_attention_layernorm, norm, lm_head"),
              std::string::npos)
        << error;
  }
  EXPECT_THROW(model.add_adapter({.bias = "some"}, 1, true), InputError);
}

TEST(Lora, ATiedEmbeddingIsNotSavedWhole) {
  ModelSpec spec = tiny_spec();
  spec.tie_word_embeddings = true;
  Model model(spec, 5, {});
  for (const char* name : {"embed_tokens", "lm_head"}) {
    const std::string error = error_of([&] { model.add_adapter({.modules_to_save = {name}}, 1, true); });
    EXPECT_NE(error.find("tie_word_embeddings"), std::string::npos) << error;
  }
  EXPECT_NO_THROW(model.add_adapter({.modules_to_save = {"norm"}}, 1, true));
  EXPECT_THROW(model.add_adapter({.modules_to_save = {"lm_head", "score"}}, 1, true), InputError);
  EXPECT_NO_THROW(model.add_adapter({.modules_to_save = {"embed_tokens", "score"}}, 1, true))
      << "no head is read";
}

// Gradients must reach the lowest trained tensor, so with checkpointing the layers below keep their history
// too.
TEST(Lora, TheLowestTrainedLayerCountsCopies) {
  const std::vector<LinearInfo> linears = {{"model.layers.3.mlp.up_proj", 3, 4, 8}};
  Adapter adapter;
  adapter.modules.resize(1);
  EXPECT_EQ(adapter.lowest_layer(linears), INT64_MAX);
  adapter.modules[0] = AdapterModule{};
  EXPECT_EQ(adapter.lowest_layer(linears), 3);
  adapter.copies.push_back({{}, 1});
  EXPECT_EQ(adapter.lowest_layer(linears), 1);
}

TEST(Lora, AllLinearIsWrittenAsNames) {
  Model model(tiny_spec(), 5, {});
  EXPECT_EQ(model.adapter_spec(model.add_adapter(kAll, 1, true)).target_modules.size(), 7U);
}

TEST(Lora, SavedAndLoadedAdaptersAreEqual) {
  const std::string folder = test_folder("adapter-round-trip");
  Model model(tiny_spec(), 5, {});
  LoraSpec spec = kDora;
  spec.layers_to_transform = {1};
  spec.rank_pattern = {{"v_proj", 3}, {"(q|v)_proj", 2}};
  spec.alpha_pattern = {{"v_proj", 1}, {"(q|v)_proj", 2}};
  spec.modules_to_save = {"input_layernorm"};
  const AdapterId adapter = add_perturbed_adapter(model, spec);
  weights::write_adapter(folder, model.adapter_spec(adapter), model.adapter_tensors(adapter));
  const AdapterId loaded = model.load_adapter(weights::read_adapter_config(folder),
                                              weights::read_adapter_weights(folder), false, folder);
  EXPECT_TRUE(logps_of(model, loaded).equal(logps_of(model, adapter).detach()));
  EXPECT_FALSE(logps_of(model, loaded).requires_grad());
}

TEST(Lora, AFileThatDoesNotFitIsRefusedWithAllNames) {
  Model model(tiny_spec({.layers = 1}), 5, {});
  const LoraSpec spec{.r = 2, .target_modules = {"q_proj", "v_proj"}};
  const weights::StateDict good = without_prefix(model.adapter_tensors(model.add_adapter(spec, 1, false)));
  weights::StateDict bad;
  for (const auto& [name, tensor] : good.all()) {
    if (name.find("v_proj.lora_A") != std::string::npos) { continue; }
    bad.add(name, name.find("q_proj.lora_B") != std::string::npos ? at::ones({24, 3}) : tensor);
  }
  bad.add("model.layers.0.mlp.up_proj.lora_A.weight", at::ones({2, 16}));
  try {
    model.load_adapter(spec, bad, true, "the adapter");
    ADD_FAILURE();
  } catch (const InputError& error) {
    const std::string message = error.what();
    for (const char* part :
         {"the adapter", "missing: model.layers.0.self_attn.v_proj.lora_A.weight",
          "surplus: model.layers.0.mlp.up_proj.lora_A.weight", "lora_B.weight is [24, 3]"}) {
      EXPECT_NE(message.find(part), std::string::npos) << message;
    }
  }
}

TEST(Lora, AbsurdRanksAreRefused) {
  Model model(tiny_spec(), 5, {});
  const auto error = [&](const LoraSpec& spec) {
    return error_of([&] { model.add_adapter(spec, 1, true); });
  };
  EXPECT_EQ(error({.r = INT64_MAX}), "LoRA: r is 9223372036854775807, but must be at most 65536");
  EXPECT_EQ(
      error({.r = 2, .rank_pattern = {{"v_proj", 65537}}}),
      "LoRA: rank_pattern gives model.layers.0.self_attn.v_proj the rank 65537, but it must be at most 65536");
}

TEST(Lora, NanInAnAdapterOrInAMergedModelIsRefusedByTensor) {
  Model model(tiny_spec(), 5, {});
  const LoraSpec spec{.r = 2};
  const AdapterId adapter = model.add_adapter(spec, 1, true);
  const weights::StateDict good = without_prefix(model.adapter_tensors(adapter));
  weights::StateDict bad;
  for (const auto& [name, tensor] : good.all()) {
    bad.add(name,
            name.find("layers.1.self_attn.v_proj.lora_B") != std::string::npos ? tensor.div(0) : tensor);
  }
  const std::string error = error_of([&] { model.load_adapter(spec, bad, false, "runs/nan"); });
  EXPECT_NE(error.find("runs/nan: the tensor model.layers.1.self_attn.v_proj.lora_B.weight holds NaN"),
            std::string::npos)
      << error;
  EXPECT_EQ(error_of([&] { model.merged_tensors(adapter, at::kFloat); }), "no error");
  model.trainable()[0].master.set_data(model.trainable()[0].master.detach().div(0));
  EXPECT_NE(error_of([&] {
              model.merged_tensors(adapter, at::kFloat);
            }).find("the merged model: the tensor model.layers.0.self_attn.q_proj.weight holds NaN"),
            std::string::npos);
}

TEST(Lora, ARewardAdapterCarriesItsScore) {
  LoraSpec spec = kAll;
  spec.modules_to_save = {"score"};
  spec.task_type = "SEQ_CLS";
  Model model(tiny_spec(), 5, {});
  const AdapterId adapter = model.add_adapter(spec, 1, true);
  EXPECT_EQ(model.trainable().back().name, "score.weight");
  const weights::StateDict saved = without_prefix(model.adapter_tensors(adapter));
  ASSERT_TRUE(saved.has("score.weight"));
  Model other(tiny_spec(), 5, {});
  other.load_adapter(spec, saved, false, "reward adapter");
  const PackedBatch batch = pack(tiny_sequences());
  const PolicyWants wants{.logp = false, .score = true};
  EXPECT_TRUE(other.forward(batch, wants, {.adapter = 0})
                  .score.equal(model.forward(batch, wants, {.adapter = adapter}).score.detach()));
  weights::StateDict headless =
      saved.renamed([](const std::string& name) { return name == "score.weight" ? std::string() : name; });
  EXPECT_THROW(other.load_adapter(spec, headless, false, "no head"), InputError);
}

// Two adapters share the model's one reward head, so it must be the same.
TEST(Lora, ASecondRewardHeadOnOneModelIsRefused) {
  LoraSpec spec = kAll;
  spec.modules_to_save = {"score"};
  Model model(tiny_spec(), 5, {});
  const weights::StateDict saved = without_prefix(model.adapter_tensors(model.add_adapter(spec, 1, true)));
  weights::StateDict other;
  for (const auto& [name, tensor] : saved.all()) {
    other.add(name, name == "score.weight" ? tensor.add(1) : tensor);
  }
  EXPECT_NO_THROW(model.load_adapter(spec, saved, false, "the same"));
  const std::string error = error_of([&] { model.load_adapter(spec, other, false, "another"); });
  EXPECT_NE(error.find("another adapter on this model has another reward head"), std::string::npos) << error;
}

TEST(Lora, DropoutFollowsItsKeyAndOnlyInTraining) {
  LoraSpec spec = kAll;
  spec.dropout = 0.5;
  Model model(tiny_spec(), 5, {});
  const AdapterId adapter = add_perturbed_adapter(model, spec);
  const at::Tensor plain = logps_of(model, adapter).detach();
  const auto dropped = [&](std::uint64_t key) {
    return logps_of(model, adapter, {.training = true, .dropout_key = key}).detach();
  };
  EXPECT_TRUE(dropped(1).equal(dropped(1)));
  EXPECT_GT(max_difference(dropped(1), dropped(2)), 1e-3);
  EXPECT_GT(max_difference(dropped(1), plain), 1e-3);
  EXPECT_TRUE(logps_of(model, adapter, {.dropout_key = 9}).detach().equal(plain));
}

TEST(Lora, Bf16AdaptersKeepFp32MastersAndFollowThem) {
  Model model(tiny_spec(), 5, {.dtype = at::kBFloat16});
  LoraSpec spec = kAll;
  spec.modules_to_save = {"embed_tokens", "norm"};
  const AdapterId adapter = add_perturbed_adapter(model, spec);
  const at::Tensor before = logps_of(model, adapter);
  before.sum().backward();
  for (TrainableTensor& tensor : model.trainable()) {
    EXPECT_EQ(tensor.master.scalar_type(), at::kFloat);
    ASSERT_TRUE(tensor.master.grad().defined()) << tensor.name;
    EXPECT_EQ(tensor.master.grad().scalar_type(), at::kFloat);
    tensor.master.set_data(tensor.master.detach().mul(2));
  }
  EXPECT_TRUE(logps_of(model, adapter).detach().equal(before.detach())) << "nothing before refresh";
  model.refresh();
  EXPECT_GT(max_difference(logps_of(model, adapter).detach(), before.detach()), 1e-2);
}

}  // namespace
}  // namespace una::model
