#include "una/weights/stored_form.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "una/weights/config_testing.h"
#include "una/weights/family.h"

namespace una::weights {
namespace {

TEST(StoredForm, TheHeadOfGptNeoxHasAnotherNameInFiles) {
  const ModelSpec spec = parse("gpt_neox");
  const PartNames& names = find_family(spec).names;
  StateDict file;
  file.add("embed_out.weight", at::ones({2}));
  file.add("gpt_neox.embed_in.weight", at::ones({3}));
  const StateDict ours = as_parameters(spec, names, file, "FOLDER");
  EXPECT_EQ(ours.names(), (std::vector<std::string>{"gpt_neox.embed_in.weight", "lm_head.weight"}));
  EXPECT_TRUE(ours.at("lm_head.weight").is_same(file.at("embed_out.weight")));
  const StateDict again = as_parameters(spec, names, ours, "FOLDER");
  EXPECT_EQ(again.names(), ours.names()) << "transformers' own name is read too";
  NamedTensors tensors(ours.all().begin(), ours.all().end());
  tensors = as_stored(spec, names, tensors);
  EXPECT_EQ(tensors[0].first, "gpt_neox.embed_in.weight");
  EXPECT_EQ(tensors[1].first, "embed_out.weight");
}

// Two experts of inner size 2 and hidden size 3; each number says where it is.
TEST(StoredForm, ExpertsOfGptOssAreTransposedAndAlternate) {
  ModelSpec spec =
      parse("gpt_oss", R"({"num_hidden_layers": 1, "num_local_experts": 2, "num_experts_per_tok": 1})");
  spec.hidden_size = 3;
  spec.moe.expert_size = 2;
  const PartNames& names = find_family(spec).names;
  const std::string mlp = "model.layers.0.mlp.";
  StateDict file;
  file.add(mlp + "experts.gate_up_proj", at::arange(24).view({2, 3, 4}));
  file.add(mlp + "experts.gate_up_proj_bias", at::arange(8).view({2, 4}));
  file.add(mlp + "experts.down_proj", at::arange(12).view({2, 2, 3}));
  file.add(mlp + "experts.down_proj_bias", at::arange(6).view({2, 3}));
  file.add(mlp + "router.weight", at::ones({2, 3}));
  const StateDict ours = as_parameters(spec, names, file, "FOLDER");
  EXPECT_EQ(ours.size(), 2U * 6 + 1);
  EXPECT_TRUE(
      ours.at(mlp + "experts.1.gate_proj.weight").equal(at::tensor({12, 16, 20, 14, 18, 22}).view({2, 3})));
  EXPECT_TRUE(ours.at(mlp + "experts.0.up_proj.weight").equal(at::tensor({1, 5, 9, 3, 7, 11}).view({2, 3})));
  EXPECT_TRUE(
      ours.at(mlp + "experts.1.down_proj.weight").equal(at::tensor({6, 9, 7, 10, 8, 11}).view({3, 2})));
  EXPECT_TRUE(ours.at(mlp + "experts.1.up_proj.bias").equal(at::tensor({5, 7})));
  EXPECT_TRUE(ours.at(mlp + "experts.0.down_proj.bias").equal(at::tensor({0, 1, 2})));
  const NamedTensors back = as_stored(spec, names, NamedTensors(ours.all().begin(), ours.all().end()));
  EXPECT_EQ(back.size(), file.size());
  for (const auto& [name, tensor] : back) { EXPECT_TRUE(tensor.equal(file.at(name))) << name; }
  spec.hidden_size = 4;
  const std::string error = error_of([&] { as_parameters(spec, names, file, "FOLDER"); });
  EXPECT_EQ(
      error,
      "FOLDER: model.layers.0.mlp.experts.gate_up_proj does not fit the configuration, which has 2 experts: it "
      "must be [2, 4, 4]");
}

TEST(StoredForm, OtherFamiliesKeepTheirNames) {
  const ModelSpec spec = parse("llama");
  StateDict file;
  file.add("embed_out.weight", at::ones({2}));
  file.add("lm_head.weight", at::ones({2}));
  const PartNames& names = find_family(spec).names;
  EXPECT_EQ(as_parameters(spec, names, file, "FOLDER").names(), file.names());
  EXPECT_EQ(as_stored(spec, names, {{"lm_head.weight", at::ones({2})}})[0].first, "lm_head.weight");
}

}  // namespace
}  // namespace una::weights
