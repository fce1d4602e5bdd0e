// Mixtures of experts beyond what parity_test.cpp compares for every family.
#include "una/model/experts/sparse_mlp.h"

#include <gtest/gtest.h>

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>

#include "una/base/format.h"
#include "una/model/experts/router_report.h"
#include "una/model/fixtures_testing.h"

namespace una::model {
namespace {

constexpr const char* kFixtures[] = {"mixtral", "qwen3_moe", "olmoe", "gpt_oss"};

// The checkpoint as transformers writes it with save_original_format=False: all experts of a layer in one tensor.
weights::StateDict fused(const std::string& fixture) {
  const ModelSpec spec = weights::read_model_spec(fixture_folder(fixture));
  const weights::StateDict single = weights::read_model_weights(fixture_folder(fixture));
  const bool mixtral = fixture == "mixtral";
  weights::StateDict out = single.renamed([&](const std::string& name) -> std::string {
    if (name.find(".experts.") != std::string::npos) { return ""; }
    const std::size_t gate = name.find(".block_sparse_moe.gate.");
    return gate == std::string::npos ? name : name.substr(0, gate) + ".mlp.gate.weight";
  });
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer) {
    if (!spec.is_sparse(layer)) { continue; }
    const std::string prefix = "model.layers." + std::to_string(layer);
    std::vector<at::Tensor> gate_up, down;
    for (std::int64_t e = 0; e < spec.moe.num_experts; ++e) {
      const std::string expert =
          prefix + (mixtral ? ".block_sparse_moe" : ".mlp") + ".experts." + std::to_string(e) + ".";
      const auto part = [&](const char* old_name, const char* name) {
        return single.at(expert + (mixtral ? old_name : name) + ".weight");
      };
      gate_up.push_back(at::cat({part("w1", "gate_proj"), part("w3", "up_proj")}));
      down.push_back(part("w2", "down_proj"));
    }
    out.add(prefix + ".mlp.experts.gate_up_proj", at::stack(gate_up));
    out.add(prefix + ".mlp.experts.down_proj", at::stack(down));
  }
  return out;
}

at::Tensor logps_of(Model& model, const ForwardOptions& options = {}) {
  return model.forward(pack(tiny_sequences()), {}, options).logp;
}

TEST(SparseMlp, ACheckpointWithAllExpertsInOneTensorIsTheSameModel) {
  for (const char* fixture : {"mixtral", "qwen3_moe", "olmoe"}) {
    const auto single = load_fixture(fixture);
    const weights::StateDict tensors = fused(fixture);
    Model model(single->spec(), tensors, {}, "fused");
    EXPECT_TRUE(logps_of(model).equal(logps_of(*single))) << fixture;
    const auto names = [](const Model& each) {
      std::vector<std::string> out;
      for (const auto& [name, tensor] : each.named_tensors()) { out.push_back(name); }
      return out;
    };
    EXPECT_EQ(names(model), names(*single)) << "written with one matrix per expert";
  }
}

// Whichever form the family's files have.
TEST(SparseMlp, TensorsAreWrittenUnderTheNamesOfTheFamilysFiles) {
  for (const char* fixture : {"mixtral", "qwen3_moe", "olmoe", "granitemoe", "gpt_oss", "gpt_neox"}) {
    const weights::StateDict file = weights::read_model_weights(fixture_folder(fixture));
    std::size_t written = 0;
    for (const auto& [name, tensor] : load_fixture(fixture)->named_tensors()) {
      ASSERT_TRUE(file.has(name)) << fixture << " " << name;
      EXPECT_TRUE(tensor.equal(file.at(name))) << fixture << " " << name;
      ++written;
    }
    EXPECT_EQ(written, file.size()) << fixture;
  }
}

TEST(SparseMlp, AFusedTensorOfAnotherShapeIsNamed) {
  ModelSpec spec = weights::read_model_spec(fixture_folder("olmoe"));
  spec.moe.num_experts = 7;
  const std::string error = error_of([&] { Model(spec, fused("olmoe"), {}, "folder"); });
  EXPECT_NE(error.find("folder: model.layers.0.mlp.experts.gate_up_proj does not fit"), std::string::npos)
      << error;
}

TEST(SparseMlp, RoutersTrainOnlyWhereAsked) {
  for (const char* fixture : kFixtures) {
    const auto trained = [&](const LoadOptions& options) {
      std::size_t routers = 0, experts = 0;
      for (const TrainableTensor& each : load_fixture(fixture, options)->trainable()) {
        const bool expert = each.name.find(".experts.") != std::string::npos;
        experts += expert ? 1 : 0;
        for (const char* router : {"_moe.gate.", "mlp.gate.", "mlp.router."}) {
          routers += !expert && each.name.find(router) != std::string::npos ? 1 : 0;
        }
      }
      return std::pair(routers, experts);
    };
    EXPECT_EQ(trained({}), std::pair(std::size_t{0}, std::size_t{0}));
    EXPECT_EQ(trained({.train_full = true}).first, 0U) << fixture;
    EXPECT_GT(trained({.train_full = true}).second, 20U) << fixture;
    const std::size_t wanted = load_fixture(fixture)->spec().moe.router_bias ? 4 : 2;
    EXPECT_EQ(trained({.train_full = true, .train_router = true}).first, wanted) << fixture;
  }
}

// Packed with a shared prompt, one by one, and with checkpointing: the same log-probs and gradients.
TEST(SparseMlp, PackingAndCheckpointingChangeNothing) {
  for (const char* fixture : kFixtures) {
    const auto model = load_fixture(fixture, {.train_full = true, .train_router = true});
    const Ids prompt = {3, 17, 25, 31, 8};
    const std::vector<Ids> answers = {{2, 39}, {11, 4, 9, 30, 1, 6}};
    const auto gradients = [&](const PackedBatch& batch, bool checkpointing) {
      const at::Tensor logps = model->forward(batch, {}, {.gradient_checkpointing = checkpointing}).logp;
      logps.mul(at::arange(logps.numel()).add(1)).sum().backward();
      return std::pair(logps.detach(), take_gradients(*model));
    };
    std::vector<Ids> whole;
    for (const Ids& answer : answers) {
      whole.push_back(prompt);
      whole.back().insert(whole.back().end(), answer.begin(), answer.end());
    }
    const auto alone = gradients(pack(whole, prompt.size()), false);
    for (const bool checkpointing : {false, true}) {
      const auto shared = gradients(pack_shared(prompt, answers), checkpointing);
      EXPECT_LE(max_difference(shared.first, alone.first), 1e-5) << fixture;
      for (std::size_t i = 0; i < alone.second.size(); ++i) {
        ASSERT_EQ(shared.second[i].defined(), alone.second[i].defined()) << fixture << i;
        if (!alone.second[i].defined()) { continue; }
        EXPECT_LE(relative_difference(shared.second[i], alone.second[i]), 1e-4) << fixture << i;
      }
    }
  }
}

// In bf16 the router still decides in fp32, from bf16 states: the log-probs stay near.
TEST(SparseMlp, Bf16StaysNearFp32) {
  for (const char* fixture : kFixtures) {
    const at::Tensor wide = logps_of(*load_fixture(fixture));
    const at::Tensor narrow = logps_of(*load_fixture(fixture, {.dtype = at::kBFloat16}));
    EXPECT_LE(wide.sub(narrow).abs().mean().item<double>(), 0.05) << fixture;
  }
}

// E sum_e f_e P_e by hand, of the counts and probabilities of one pass.
TEST(SparseMlp, TheReportCountsChoicesAndTheBalancingLossIsTransformers) {
  for (const char* fixture : kFixtures) {
    const weights::StateDict reference =
        weights::read_safetensors(fixture_folder(fixture) + "/reference.safetensors");
    const auto model = load_fixture(fixture);
    const PackedBatch batch = pack({recorded_ids(reference)[0]});
    RouterReport report;
    model->forward(batch, {}, {.routers = &report});
    const MoeSpec& moe = model->spec().moe;
    EXPECT_EQ(report.tokens.size(1), moe.num_experts);
    EXPECT_EQ(report.tokens.sum().item<std::int64_t>(),
              batch.num_tokens() * moe.experts_per_token * report.tokens.size(0));
    EXPECT_NEAR(report.aux_loss, reference.at("aux_loss").item<double>(), 1e-5) << fixture;
  }
}

// The gradient of log-probs plus twice the loss equals transformers' with output_router_logits, with
// checkpointing or without, and when the graph is differentiated in two parts.
TEST(SparseMlp, TheBalancingLosssGradientEqualsTransformers) {
  for (const char* fixture : kFixtures) {
    const weights::StateDict reference =
        weights::read_safetensors(fixture_folder(fixture) + "/reference.safetensors");
    const auto model = load_fixture(fixture, {.train_full = true, .train_router = true});
    const PackedBatch batch = pack({recorded_ids(reference)[0]});
    for (const bool checkpointing : {false, true}) {
      RouterReport report{.aux_weight = 2};
      const at::Tensor logps =
          model->forward(batch, {}, {.gradient_checkpointing = checkpointing, .routers = &report}).logp;
      const bool parts = !checkpointing;
      if (parts) { logps.narrow(0, 0, 5).sum().backward({}, /*retain_graph=*/true); }
      (parts ? logps.narrow(0, 5, logps.numel() - 5) : logps).sum().backward();
      std::size_t compared = 0;
      for (const TrainableTensor& each : model->trainable()) {
        const std::string name = "aux_grad." + each.name;
        if (!reference.has(name)) { continue; }
        EXPECT_LE(relative_difference(each.master.grad(), reference.at(name)), 1e-4) << fixture << each.name;
        ++compared;
      }
      take_gradients(*model);
      EXPECT_EQ(compared, 4U) << "two routers, a q_proj and the embedding";
    }
  }
}

TEST(SparseMlp, AllLinearMeansTheLinearsOutsideTheExperts) {
  const auto model = load_fixture("qwen3_moe");
  const AdapterId adapter = model->add_adapter({.r = 2, .target_modules = {"all-linear"}}, 1, true);
  bool dense = false;
  for (const TrainableTensor& each : model->trainable()) {
    EXPECT_EQ(each.name.find("experts"), std::string::npos) << each.name;
    dense = dense || each.name.find("layers.1.mlp.gate_proj") != std::string::npos;
  }
  EXPECT_TRUE(dense) << "a layer without experts has its three linears";
  EXPECT_GE(adapter, 0);
}

// PEFT's "all" means the biases of experts and routers too.
TEST(SparseMlp, BiasesOfExpertsDoNotTrainInAnAdapter) {
  const auto model = load_fixture("gpt_oss");
  const std::string error = error_of([&] { model->add_adapter({.bias = "all"}, 1, true); });
  EXPECT_NE(error.find("biases of experts and routers"), std::string::npos) << error;
  model->add_adapter({.r = 2, .bias = "lora_only", .target_modules = {"all-linear"}}, 1, true);
  EXPECT_EQ(model->trainable().size(), 2U * 4 * 3) << "A, B and the bias of q, k, v and o in two layers";
}

TEST(SparseMlp, ExpertsOfGptOssAreReadFromMxfp4) {
  ModelSpec spec = weights::read_model_spec(fixture_folder("gpt_oss"));
  spec.hidden_size = spec.moe.expert_size = spec.intermediate_size = 32;
  weights::StateDict packed, expanded;
  Model random(spec, 3, {});
  for (const auto& [name, tensor] : random.named_tensors()) {
    const bool expert = ends_with(name, "experts.gate_up_proj") || ends_with(name, "experts.down_proj");
    if (!expert) {
      packed.add(name, tensor);
      expanded.add(name, tensor);
      continue;
    }
    const std::int64_t rows = tensor.size(2);  // one block of 32 numbers each
    const at::Tensor blocks =
        at::arange(4 * rows * 16).mul(37).remainder(256).to(at::kByte).view({4, rows, 1, 16});
    packed.add(name + "_blocks", blocks);
    packed.add(name + "_scales", at::full({4, rows, 1}, 124, at::kByte));
    static const std::vector<float> kValues = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
    at::Tensor values = at::empty({4, rows, 32});
    for (std::int64_t i = 0; i < values.numel(); ++i) {
      const int byte = blocks.view(-1)[i / 2].item<int>(), code = i % 2 == 0 ? byte % 16 : byte / 16;
      const float size = kValues[static_cast<std::size_t>(code % 8)] / 8;
      values.view(-1)[i] = code < 8 ? size : -size;
    }
    expanded.add(name, values.transpose(1, 2).contiguous());
  }
  Model read(spec, packed, {}, "packed"), wanted(spec, expanded, {}, "expanded");
  EXPECT_TRUE(logps_of(read).equal(logps_of(wanted)));
  for (const auto& [name, tensor] : read.named_tensors()) {
    EXPECT_EQ(name.find("_blocks"), std::string::npos) << "what is written is not quantised";
    EXPECT_TRUE(tensor.equal(expanded.at(name))) << name;
  }
}

TEST(SparseMlp, TargetParametersNameExperts) {
  const auto model = load_fixture("olmoe");
  const auto refused = [&](const LoraSpec& spec) {
    return error_of([&] { model->add_adapter(spec, 1, true); });
  };
  EXPECT_NE(refused({.target_parameters = {"mlp.experts.w1"}}).find("mlp.experts.gate_up_proj"),
            std::string::npos);
  EXPECT_NE(refused({.dropout = 0.1, .target_parameters = {"down_proj"}}).find("lora_dropout"),
            std::string::npos);
  EXPECT_NE(refused({.use_dora = true, .target_parameters = {"down_proj"}}).find("DoRA"), std::string::npos);
  EXPECT_NE(refused({.target_modules = {"down_proj"}}).find("matches no linear"), std::string::npos);
  const auto dense = load_fixture("llama");
  EXPECT_NE(
      error_of([&] { dense->add_adapter({.target_parameters = {"down_proj"}}, 1, true); }).find("no experts"),
      std::string::npos);
  model->add_adapter({.r = 2, .target_parameters = {"experts.down_proj"}}, 1, true);
  EXPECT_EQ(model->trainable().size(), 4U) << "A and B of two layers, and no linear";
}

}  // namespace
}  // namespace una::model
