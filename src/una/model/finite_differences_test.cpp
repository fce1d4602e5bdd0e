// Every gradient of the whole model against central differences in fp64.
#include <functional>

#include <gtest/gtest.h>

#include <ATen/core/grad_mode.h>

#include "una/model/fixtures_testing.h"
#include "una/model/gemma4_testing.h"

namespace una::model {
namespace {

constexpr double kStep = 2e-6, kTolerance = 1e-6;

// Checks the gradient of `loss` at a few elements of every tensor that trains. Without refreshing, DoRA's
// norms stay constant, which is what its gradient assumes.
void expect_differences(Model& model, const std::function<at::Tensor()>& loss, bool refreshing = true,
                        double step = kStep) {
  loss().backward();
  const std::vector<at::Tensor> gradients = take_gradients(model);
  std::vector<TrainableTensor> tensors = model.trainable();
  ASSERT_FALSE(tensors.empty());
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    at::Tensor flat = tensors[i].master.detach().view(-1);
    ASSERT_TRUE(gradients[i].defined()) << tensors[i].name;
    const at::Tensor gradient = gradients[i].view(-1);
    for (std::int64_t k = 0; k < 3; ++k) {
      const std::int64_t at = (k * 7919 + static_cast<std::int64_t>(i) * 31) % flat.numel();
      auto* value = flat.mutable_data_ptr<double>() + at;
      const double original = *value;
      const auto at_offset = [&](double offset) {
        *value = original + offset;
        if (refreshing) { model.refresh(); }
        return loss().item<double>();
      };
      const double difference = (at_offset(step) - at_offset(-step)) / (2 * step);
      *value = original;
      model.refresh();
      const double found = gradient[at].item<double>();
      EXPECT_NEAR(found, difference, kTolerance * std::max(1.0, std::abs(difference)))
          << tensors[i].name << " element " << at;
    }
  }
}

at::Tensor weighted(const at::Tensor& values) {
  return values.to(at::kDouble).mul(at::arange(values.numel(), at::kDouble).add(1).sin()).sum();
}

TEST(FiniteDifferences, FullTrainingOfAFamilyWithBiasesWindowsAndATiedHead) {
  ModelSpec spec = tiny_spec();
  spec.model_type = "qwen2";
  spec.qkv_bias = true;
  spec.tie_word_embeddings = true;
  spec.windows = {3, 0};
  Model model(spec, 5, {.dtype = at::kDouble, .train_full = true});
  const PackedBatch batch = pack_shared({3, 17, 25, 9}, {{31, 8, 2}, {5, 6}});
  expect_differences(model, [&] { return weighted(model.forward(batch, {}, {}).logp); });
}

TEST(FiniteDifferences, AdaptersUnderDropoutAndCheckpointing) {
  Model model(tiny_spec(), 5, {.dtype = at::kDouble});
  const AdapterId adapter =
      add_perturbed_adapter(model, {.r = 3, .dropout = 0.25, .target_modules = {"all-linear"}});
  const PackedBatch batch = pack(tiny_sequences());
  const ForwardOptions options{
      .adapter = adapter, .training = true, .gradient_checkpointing = true, .dropout_key = 4};
  expect_differences(model,
                     [&] { return weighted(model.forward(batch, {.temperature = 0.7}, options).logp); });
}

TEST(FiniteDifferences, DoraBiasesAndModulesSavedWhole) {
  ModelSpec spec = tiny_spec();
  spec.model_type = "qwen2";
  spec.qkv_bias = true;
  for (const double dropout : {0.0, 0.25}) {
    Model model(spec, 5, {.dtype = at::kDouble});
    const AdapterId adapter =
        add_perturbed_adapter(model, {.r = 3,
                                      .dropout = dropout,
                                      .use_dora = true,
                                      .bias = "all",
                                      .target_modules = {"q_proj", "up_proj"},
                                      .modules_to_save = {"embed_tokens", "lm_head", "norm"}});
    const PackedBatch batch = pack(tiny_sequences());
    const ForwardOptions options{
        .adapter = adapter, .training = true, .gradient_checkpointing = true, .dropout_key = 4};
    expect_differences(model, [&] { return weighted(model.forward(batch, {}, options).logp); }, false);
  }
}

// Gemma's arithmetic in one model: four norms with 1 + w, q/k norms, soft-caps, a scaled
// embedding, the tanh gelu, a rope for each kind of layer.
TEST(FiniteDifferences, FullTrainingAndAnAdapterOfAGemma) {
  ModelSpec spec = tiny_spec();
  spec.model_type = "gemma3_text";
  spec.activation = "gelu_pytorch_tanh";
  spec.norm_style = NormStyle::kPlusOne;
  spec.qk_norm = QkNorm::kHead;
  spec.embedding_scale = 4;
  spec.attention_scale = 0.3;
  spec.attention_soft_cap = 2;
  spec.logit_soft_cap = 3;
  spec.tie_word_embeddings = true;
  spec.windows = {3, 0};
  spec.rope_layers = {1, 0};
  spec.local_rope.theta = 10;
  const PackedBatch batch = pack_shared({3, 17, 25, 9}, {{31, 8, 2}, {5, 6}});
  Model model(spec, 5, {.dtype = at::kDouble, .train_full = true});
  expect_differences(model, [&] { return weighted(model.forward(batch, {}, {}).logp); });
  Model frozen(spec, 5, {.dtype = at::kDouble});
  const AdapterId adapter = add_perturbed_adapter(frozen, {.r = 3, .target_modules = {"all-linear"}});
  expect_differences(frozen, [&] {
    return weighted(frozen.forward(batch, {}, {.adapter = adapter, .gradient_checkpointing = true}).logp);
  });
}

// gpt_oss's arithmetic: sinks, biases everywhere, and a clamped gate; attention and experts adapted.
TEST(FiniteDifferences, FullTrainingAndAnAdapterOfAGptOss) {
  ModelSpec spec = tiny_spec();
  spec.model_type = "gpt_oss";
  spec.norm_style = NormStyle::kWide;
  spec.qkv_bias = spec.o_bias = spec.attention_sinks = true;
  spec.windows = {3, 0};
  spec.moe = {.num_experts = 3,
              .experts_per_token = 3,  // so that every expert has a gradient
              .expert_size = 6,
              .norm_topk_prob = true,
              .router_bias = true,
              .expert_bias = true,
              .swiglu_alpha = 1.4,
              .swiglu_limit = 0.05};
  const PackedBatch batch = pack_shared({3, 17, 25, 9}, {{31, 8, 2}, {5, 6}});
  Model model(spec, 5, {.dtype = at::kDouble, .train_full = true, .train_router = true});
  expect_differences(model, [&] { return weighted(model.forward(batch, {}, {}).logp); });
  Model frozen(spec, 5, {.dtype = at::kDouble});
  const AdapterId adapter = add_perturbed_adapter(
      frozen, {.r = 2, .target_modules = {"all-linear"}, .target_parameters = {"gate_up_proj", "down_proj"}});
  expect_differences(frozen, [&] {
    return weighted(frozen.forward(batch, {}, {.adapter = adapter, .gradient_checkpointing = true}).logp);
  });
}

TEST(FiniteDifferences, AnAdapterOfFusedProjections) {
  ModelSpec spec = tiny_spec();
  spec.model_type = "phi3";
  spec.rope.partial_rotary_factor = 0.67;
  Model model(spec, 5, {.dtype = at::kDouble});
  const AdapterId adapter = add_perturbed_adapter(model, {.r = 3});
  EXPECT_EQ(model.adapter_spec(adapter).target_modules, std::vector<std::string>{"qkv_proj"});
  const PackedBatch batch = pack(tiny_sequences());
  expect_differences(model, [&] { return weighted(model.forward(batch, {}, {.adapter = adapter}).logp); });
}

// The routers' gradients reach their weights and the layers below through the experts' shares.
TEST(FiniteDifferences, AMixtureOfExpertsWithADenseLayer) {
  ModelSpec spec = tiny_spec({.layers = 3});
  spec.model_type = "qwen3_moe";
  spec.qk_norm = QkNorm::kHead;
  for (const bool normed : {false, true}) {
    spec.moe = {.num_experts = 4, .experts_per_token = 2, .expert_size = 10, .norm_topk_prob = normed};
    spec.moe.sparse_layers = {true, false, true};
    const PackedBatch batch = pack_shared({3, 17, 25, 9}, {{31, 8, 2, 14, 30, 22}, {5, 6, 33}});
    Model model(spec, 5, {.dtype = at::kDouble, .train_full = true, .train_router = true});
    expect_differences(model, [&] { return weighted(model.forward(batch, {}, {}).logp); });
    Model frozen(spec, 5, {.dtype = at::kDouble});
    const AdapterId adapter = add_perturbed_adapter(frozen, {.r = 3, .target_modules = {"all-linear"}});
    expect_differences(frozen, [&] {
      return weighted(frozen.forward(batch, {}, {.adapter = adapter, .gradient_checkpointing = true}).logp);
    });
  }
}

// Two answers begin with the state of one prompt.
TEST(FiniteDifferences, GatedDeltaRulesAmongGatedAttention) {
  constexpr double kShortStep = 1e-6;  // the length of a short key is curved
  ModelSpec spec = tiny_spec({.layers = 3, .initializer_range = 0.25});
  spec.model_type = "qwen3_5_text";
  spec.norm_eps = 0.05;  // norms of results near zero are less curved
  spec.norm_style = NormStyle::kPlusOne;
  spec.qk_norm = QkNorm::kHead;
  spec.attention_gate = true;
  spec.mixers = {Mixer::kGatedDeltaRule, Mixer::kAttention, Mixer::kGatedDeltaRule};
  spec.conv_kernel = 3;
  spec.delta_rule = {.num_key_heads = 1, .num_value_heads = 2, .key_head_dim = 4, .value_head_dim = 6};
  const PackedBatch batch = pack_shared({3, 17, 25, 9}, {{31, 8, 2, 14}, {5, 6, 33}});
  Model model(spec, 5, {.dtype = at::kDouble, .train_full = true});
  expect_differences(model, [&] { return weighted(model.forward(batch, {}, {}).logp); }, true, kShortStep);
  Model frozen(spec, 5, {.dtype = at::kDouble});
  const AdapterId adapter = add_perturbed_adapter(frozen, {.r = 3, .target_modules = {"all-linear"}});
  const ForwardOptions options{.adapter = adapter, .gradient_checkpointing = true};
  expect_differences(
      frozen, [&] { return weighted(frozen.forward(batch, {}, options).logp); }, true, kShortStep);
}

// Two answers read the last tokens of one prompt.
TEST(FiniteDifferences, ShortConvolutionsAmongAttention) {
  ModelSpec spec = tiny_spec({.layers = 3});
  spec.model_type = "lfm2";
  spec.qk_norm = QkNorm::kHead;
  spec.mixers = {Mixer::kShortConvolution, Mixer::kAttention, Mixer::kShortConvolution};
  spec.conv_kernel = 3;
  spec.conv_bias = true;
  const PackedBatch batch = pack_shared({3, 17, 25, 9}, {{31, 8, 2, 14}, {5, 6, 33}});
  Model model(spec, 5, {.dtype = at::kDouble, .train_full = true});
  expect_differences(model, [&] { return weighted(model.forward(batch, {}, {}).logp); });
  Model frozen(spec, 5, {.dtype = at::kDouble});
  const AdapterId adapter = add_perturbed_adapter(frozen, {.r = 3, .target_modules = {"all-linear"}});
  expect_differences(frozen, [&] {
    return weighted(frozen.forward(batch, {}, {.adapter = adapter, .gradient_checkpointing = true}).logp);
  });
}

TEST(FiniteDifferences, QueriesThatGrowWithTheirPosition) {
  ModelSpec spec = tiny_spec();
  spec.model_type = "ministral3";
  spec.rope.query_beta = 0.7;
  spec.rope.original_max_positions = 2;
  Model model(spec, 5, {.dtype = at::kDouble, .train_full = true});
  const PackedBatch batch = pack(tiny_sequences());
  expect_differences(model, [&] { return weighted(model.forward(batch, {}, {}).logp); });
}

// The gradients of the layers that read another one's keys and values reach that one, through checkpoints too.
TEST(FiniteDifferences, KeysOfAnotherLayerAndInputsOfTheToken) {
  ModelSpec spec = tiny_gemma4_spec();
  const PackedBatch batch = pack_shared({3, 17, 25, 9}, {{31, 8, 2, 14}, {5, 6, 33}});
  for (const bool values : {true, false}) {
    spec.gemma4.keys_as_values = !values;
    Model model(spec, 5, {.dtype = at::kDouble, .train_full = true});
    expect_differences(model, [&] { return weighted(model.forward(batch, {}, {}).logp); });
    Model frozen(spec, 5, {.dtype = at::kDouble});
    const AdapterId adapter = add_perturbed_adapter(frozen, {.r = 2, .target_modules = {"all-linear"}});
    expect_differences(frozen, [&] {
      return weighted(frozen.forward(batch, {}, {.adapter = adapter, .gradient_checkpointing = true}).logp);
    });
  }
}

TEST(FiniteDifferences, ARewardModel) {
  ModelSpec spec = tiny_spec({.layers = 1});
  spec.num_labels = 1;
  Model model(spec, 5, {.dtype = at::kDouble, .train_full = true});
  const PackedBatch batch = pack(tiny_sequences());
  expect_differences(
      model, [&] { return weighted(model.forward(batch, {.logp = false, .score = true}, {}).score); });
}

}  // namespace
}  // namespace una::model
