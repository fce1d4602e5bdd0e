#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <gtest/gtest.h>

#include "una/kernels/standin_device_testing.h"
#include "una/model/fixtures_testing.h"
#include "una/model/value_head.h"

// Compares a model on another device with the same model on the CPU.
namespace una::model {
namespace {

using kernels::testing::far_device;

LoadOptions far_options(bool train_full = false, at::ScalarType dtype = at::kFloat) {
  return {.dtype = dtype, .train_full = train_full, .device = far_device()};
}

struct Outcome {
  PolicyOutput output;
  std::vector<at::Tensor> gradients;
};

// A forward and a backward pass over everything that trains.
Outcome outcome(Model& model, const PackedBatch& batch, const PolicyWants& wants,
                const ForwardOptions& options) {
  Outcome out{model.forward(batch, wants, options), {}};
  at::Tensor sum = wants.score ? out.output.score.square().sum() : out.output.logp.square().sum();
  sum.backward();
  for (const at::Tensor& gradient : take_gradients(model)) {
    out.gradients.push_back(gradient.defined() ? gradient.cpu() : gradient);
  }
  return out;
}

void expect_equal(const Outcome& far, const Outcome& here, double tolerance = 1e-4) {
  const at::Tensor &a = far.output.logp.defined() ? far.output.logp : far.output.score,
                   &b = here.output.logp.defined() ? here.output.logp : here.output.score;
  EXPECT_TRUE(a.is_cpu());
  EXPECT_LT(relative_difference(a.detach(), b.detach()), tolerance);
  ASSERT_EQ(far.gradients.size(), here.gradients.size());
  for (std::size_t i = 0; i < here.gradients.size(); ++i) {
    ASSERT_EQ(far.gradients[i].defined(), here.gradients[i].defined()) << i;
    if (here.gradients[i].defined()) {
      EXPECT_LT(relative_difference(far.gradients[i], here.gradients[i]), tolerance) << i;
    }
  }
}

PackedBatch shared_batch() { return pack_shared({3, 17, 25, 31}, {{8, 2, 39, 11}, {5, 6, 9}}); }

class Device : public ::testing::TestWithParam<std::string> {};

// Every family's arithmetic: norms, gates, windows, soft-caps, rope.
TEST_P(Device, LogProbsAndGradientsAreTheCpus) {
  const auto here = load_fixture(GetParam(), {.train_full = true});
  const auto far = load_fixture(GetParam(), far_options(true));
  const PolicyWants wants{.statistics = true};
  const Outcome a = outcome(*far, shared_batch(), wants, {}), b = outcome(*here, shared_batch(), wants, {});
  expect_equal(a, b);
  EXPECT_LT(max_difference(a.output.entropy, b.output.entropy), 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Families, Device,
                         ::testing::Values("llama", "gemma2", "gemma3", "olmo2", "phi3", "qwen2", "qwen3",
                                           "mixtral", "qwen3_moe", "gpt_oss", "gpt_neox", "lfm2", "lfm2_bias",
                                           "ministral3", "gemma4", "gemma4_shared", "qwen3_5",
                                           "qwen3_5_tied"));

TEST(Device, AdaptersTrainThere) {
  for (const bool dora : {false, true}) {
    for (const bool checkpointing : {false, true}) {
      LoraSpec lora{.r = 3, .alpha = 5, .dropout = 0.2, .target_modules = {"all-linear"}};
      lora.use_dora = dora;
      Model here(tiny_spec(), 5, {}), far(tiny_spec(), 5, far_options());
      const ForwardOptions options{.adapter = add_perturbed_adapter(here, lora),
                                   .training = true,
                                   .gradient_checkpointing = checkpointing,
                                   .dropout_key = 4};
      add_perturbed_adapter(far, lora);
      expect_equal(outcome(far, shared_batch(), {}, options), outcome(here, shared_batch(), {}, options));
      for (const auto& [name, tensor] : far.adapter_tensors(options.adapter)) {
        EXPECT_TRUE(tensor.is_cpu()) << name;
      }
      const auto merged = far.merged_tensors(options.adapter, at::kFloat);
      const auto wanted = here.merged_tensors(options.adapter, at::kFloat);
      for (std::size_t i = 0; i < merged.size(); ++i) {
        EXPECT_LT(max_difference(merged[i].second, wanted[i].second), 1e-5) << merged[i].first;
      }
    }
  }
}

TEST(Device, AdaptersOfExpertsTrainThere) {
  const LoraSpec lora{.r = 2,
                      .alpha = 5,
                      .target_modules = {"q_proj"},
                      .target_parameters = {"experts.gate_up_proj", "experts.down_proj"}};
  const auto here = load_fixture("mixtral"), far = load_fixture("mixtral", far_options());
  const ForwardOptions options{.adapter = add_perturbed_adapter(*here, lora)};
  add_perturbed_adapter(*far, lora);
  expect_equal(outcome(*far, shared_batch(), {}, options), outcome(*here, shared_batch(), {}, options));
}

TEST(Device, Bf16TakesFlashAttention) {
  ModelSpec spec = tiny_spec();
  spec.head_dim = 8;
  spec.windows = {3, 0};
  LoraSpec lora{.r = 3, .alpha = 5, .target_modules = {"all-linear"}};
  Model here(spec, 5, {.dtype = at::kBFloat16}), far(spec, 5, far_options(false, at::kBFloat16));
  const ForwardOptions options{.adapter = add_perturbed_adapter(here, lora)};
  add_perturbed_adapter(far, lora);
  expect_equal(outcome(far, shared_batch(), {}, options), outcome(here, shared_batch(), {}, options), 0.05);
}

TEST(Device, RewardAndValueHeads) {
  Model here(tiny_spec(), 5, {}), far(tiny_spec(), 5, far_options());
  const PackedBatch batch = pack(tiny_sequences());
  PolicyWants wants{.logp = false, .score = true};
  wants.state_rows = at::tensor(Ids{1, 9});
  for (Model* model : {&here, &far}) {
    model->add_reward_head(3);
    add_perturbed_adapter(*model, {.r = 2, .target_modules = {"all-linear"}});
  }
  const Outcome a = outcome(far, batch, wants, {.adapter = 0}),
                b = outcome(here, batch, wants, {.adapter = 0});
  expect_equal(a, b);
  EXPECT_EQ(a.output.states.device(), far.device());
  const ValueHead head(tiny_spec().hidden_size, 0.5, at::kFloat, far.device());
  EXPECT_TRUE(head.values(a.output.states).is_cpu());
  EXPECT_NEAR(head.values(a.output.states)[1].item<double>(), 0.5, 1e-6);
}

TEST(Device, CachesLieThere) {
  Model here(tiny_spec(), 5, {}), far(tiny_spec(), 5, far_options());
  at::Tensor states[2];
  for (int i = 0; i < 2; ++i) {
    Model& model = i == 0 ? here : far;
    KvCache cache(model, 8);
    const at::Tensor tokens = at::tensor(Ids{3, 17, 25}), positions = at::arange(3);
    model.hidden_cached(tokens, positions, {{0, 3, {{0, 3}}}}, at::arange(3), cache, {});
    const at::Tensor last = model.hidden_cached(at::tensor(Ids{8}), at::tensor(Ids{3}),
                                                {{0, 1, {{0, 3}, {5, 6}}}}, at::tensor(Ids{5}), cache, {});
    states[i] = model.logits(last, kNoAdapter);
    EXPECT_TRUE(states[i].is_cpu());
  }
  EXPECT_LT(max_difference(states[1], states[0]), 1e-4);
}

TEST(Device, ForeignTokensAreRefusedBeforeTheyGetThere) {
  Model far(tiny_spec(), 5, far_options());
  EXPECT_NE(error_of([&] { far.forward(pack({{3, 40}}, 2), {}, {}); }).find("token id 40"),
            std::string::npos);
}

}  // namespace
}  // namespace una::model
