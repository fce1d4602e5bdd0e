#include "una/model/model_memory.h"

#include <gtest/gtest.h>

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include "una/base/error.h"
#include "una/model/fixtures_testing.h"

namespace una::model {
namespace {

// The bytes of live tensors, and their peak.
class TensorBytes : public c10::MemoryReportingInfoBase {
 public:
  void reportMemoryUsage(void* /*pointer*/, std::int64_t size, std::size_t /*allocated*/,
                         std::size_t /*reserved*/, c10::Device /*device*/) override {
    now += size;
    peak = std::max(peak, now);
  }
  bool memoryProfilingEnabled() const override { return true; }

  std::int64_t now = 0, peak = 0;
};

PackedBatch one_sequence(const ModelSpec& spec, std::int64_t length) {
  Ids ids;
  for (std::int64_t i = 0; i < length; ++i) { ids.push_back(1 + (i * 7) % (spec.vocab_size - 1)); }
  return pack({ids});
}

struct Measured {
  double kept = 0, peak = 0;  // bytes above those that were live before the pass
};

// The second pass, when gradients and rope's tables exist already.
Measured measured_pass(Model& model, const ForwardOptions& options, const PackedBatch& batch) {
  model.forward(batch, {}, options).logp.sum().backward();
  const auto bytes = std::make_shared<TensorBytes>();
  const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, bytes);
  const at::Tensor logp = model.forward(batch, {}, options).logp;
  Measured out{.kept = static_cast<double>(bytes->now)};
  logp.sum().backward();
  out.peak = static_cast<double>(bytes->peak);
  return out;
}

// The family's recorded model, wider, so that activations outweigh costs per call.
ModelSpec wide_spec(const std::string& fixture) {
  ModelSpec spec = weights::read_model_spec(fixture_folder(fixture));
  spec.hidden_size *= 4;
  spec.intermediate_size *= 4;
  for (std::int64_t* size : {&spec.delta_rule.key_head_dim, &spec.delta_rule.value_head_dim}) { *size *= 4; }
  if (spec.qkv_by_head) { spec.head_dim *= 4; }  // the heads make up the hidden size
  return spec;
}

void expect_near_share(double planned, double measured, double share, const std::string& what) {
  EXPECT_NEAR(planned / measured, 1, share) << what << ": planned " << planned << ", measured " << measured;
}

void expect_planned(const ModelSpec& spec, const MemoryRequest& request) {
  constexpr std::int64_t kLength = 192;
  Model model(spec, 5, {.dtype = request.dtype, .train_full = request.train_full});
  ForwardOptions options{.gradient_checkpointing = request.gradient_checkpointing};
  if (request.adapter) { options.adapter = model.add_adapter(*request.adapter, 1, true); }
  const Measured measured = measured_pass(model, options, one_sequence(spec, kLength));
  const ModelMemory plan = plan_memory(spec, request);
  const std::string what = spec.model_type + (request.train_full ? ", full" : ", adapter");
  expect_near_share(plan.kept_per_token * kLength + plan.per_logp * (kLength - 1), measured.kept, 0.1,
                    what + ", kept");
  expect_near_share(plan.pass(kLength, kLength - 1), measured.peak, 0.15, what + ", whole pass");
}

const LoraSpec kAll{.r = 4, .alpha = 8, .target_modules = {"all-linear"}};

TEST(ModelMemory, APassTakesWhatWasPlannedInEveryFamily) {
  for (const char* fixture :
       {"llama",    "mistral",  "qwen2",           "qwen3",   "gemma",  "gemma2",        "gemma3",
        "olmo2",    "phi3",     "smollm3",         "granite", "glm4",   "cohere2",       "starcoder2",
        "stablelm", "gpt_neox", "gpt_neox_serial", "lfm2",    "gemma4", "gemma4_shared", "qwen3_5"}) {
    for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
      expect_planned(wide_spec(fixture), {.dtype = dtype, .adapter = kAll});
    }
  }
}

// Layers with experts, and one without: its activations count by the experts of a token, its weights by all.
TEST(ModelMemory, AMixtureOfExpertsTakesWhatWasPlanned) {
  for (const char* fixture : {"mixtral", "qwen3_moe", "olmoe", "gpt_oss"}) {
    ModelSpec spec = wide_spec(fixture);
    spec.moe.expert_size *= 4;
    for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
      expect_planned(spec, {.dtype = dtype, .adapter = kAll});
      expect_planned(spec, {.dtype = dtype, .train_full = true});
    }
    expect_planned(spec, {.adapter = kAll, .gradient_checkpointing = true});
    const ModelMemory plan = plan_memory(spec, {.adapter = kAll});
    EXPECT_LT(plan.linears, plan.parameters) << "a token meets some of the experts";
    EXPECT_LT(plan_memory(spec, {.train_full = true}).trained, plan.parameters) << "routers are frozen";
    EXPECT_EQ(plan_memory(spec, {.train_full = true, .train_router = true}).trained, plan.parameters);
  }
}

TEST(ModelMemory, DoraKeepsItsProductsToo) {
  LoraSpec dora = kAll;
  dora.use_dora = true;
  expect_planned(wide_spec("llama"), {.adapter = dora});
}

TEST(ModelMemory, LayersBelowTheFirstAdapterKeepNothing) {
  LoraSpec upper = kAll;
  const ModelSpec spec = wide_spec("llama");
  upper.layers_to_transform = {spec.num_layers - 1};
  expect_planned(spec, {.adapter = upper});
  EXPECT_LT(plan_memory(spec, {.adapter = upper}).kept_per_token,
            plan_memory(spec, {.adapter = kAll}).kept_per_token);
}

TEST(ModelMemory, CheckpointingKeepsOneActivationALayer) {
  const ModelSpec spec = wide_spec("llama");
  const MemoryRequest little{.adapter = kAll, .gradient_checkpointing = true};
  expect_planned(spec, little);
  EXPECT_LT(plan_memory(spec, little).kept_per_token,
            0.3 * plan_memory(spec, {.adapter = kAll}).kept_per_token);
}

TEST(ModelMemory, FullTrainingHoldsTheHeadsGradient) {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    expect_planned(wide_spec("llama"), {.dtype = dtype, .train_full = true});
  }
}

TEST(ModelMemory, CountsAreThoseOfALoadedModel) {
  for (const char* fixture : {"llama", "qwen2", "gemma3", "phi3", "qwen3_moe", "mixtral", "lfm2_bias",
                              "gemma4_shared", "qwen3_5_tied"}) {
    const ModelSpec spec = wide_spec(fixture);
    LoraSpec rich = kAll;
    rich.use_dora = true;
    rich.bias = "all";
    rich.rank_pattern = {{".*o_proj", 2}};
    rich.modules_to_save = {"norm"};
    Model model(spec, 5, {});
    model.add_adapter(rich, 1, true);
    std::int64_t parameters = 0, trained = 0;
    for (const auto& [name, tensor] : model.named_tensors()) { parameters += tensor.numel(); }
    for (const TrainableTensor& tensor : model.trainable()) { trained += tensor.master.numel(); }
    const ModelMemory plan = plan_memory(spec, {.adapter = rich});
    EXPECT_EQ(plan.parameters, parameters) << fixture;
    EXPECT_EQ(plan.trained, trained) << fixture;
  }
}

TEST(ModelMemory, AnAdapterThatDoesNotFitIsRefused) {
  LoraSpec wrong = kAll;
  wrong.target_modules = {"no_such_proj"};
  EXPECT_NE(error_of([&] { plan_memory(tiny_spec(), {.adapter = wrong}); }).find("no_such_proj"),
            std::string::npos);
}

}  // namespace
}  // namespace una::model
