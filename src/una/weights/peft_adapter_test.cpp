#include "una/weights/peft_adapter.h"

#include <filesystem>
#include <string>

#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"
#include "una/weights/testing.h"

namespace una::weights {
namespace {

constexpr const char* kA = "model.layers.0.self_attn.q_proj.lora_A.weight";
constexpr const char* kB = "model.layers.0.self_attn.q_proj.lora_B.weight";

LoraSpec reward_spec() {
  LoraSpec spec;
  spec.r = 2;
  spec.alpha = 4.5;
  spec.dropout = 0.1;
  spec.use_rslora = true;
  spec.target_modules = {R"(.*\.(q|v)_proj)"};
  spec.targets_are_regex = true;
  spec.modules_to_save = {"score"};
  spec.rank_pattern = {{"v_proj", 4}};
  spec.alpha_pattern = {{"v_proj", 1.25}};
  spec.task_type = "SEQ_CLS";
  spec.base_model_name_or_path = "base/model";
  return spec;
}

TEST(PeftAdapter, ReadsBackTheFolderItWrote) {
  const std::string folder = test_folder("adapter") + "/deep/adapter";
  const at::Tensor a = at::randn({2, 8}), b = at::randn({8, 2}), score = at::randn({1, 8});
  EXPECT_FALSE(is_adapter_folder(folder));
  write_adapter(folder, reward_spec(), {{kA, a}, {kB, b}, {"base_model.model.score.weight", score}});
  EXPECT_TRUE(is_adapter_folder(folder));
  EXPECT_TRUE(
      read_safetensors(folder + "/adapter_model.safetensors").has(std::string("base_model.model.") + kA));
  const StateDict weights = read_adapter_weights(folder);
  EXPECT_EQ(weights.names(), (std::vector<std::string>{kA, kB, "score.weight"}));
  EXPECT_TRUE(at::equal(weights.at(kA), a));
  EXPECT_TRUE(at::equal(weights.at("score.weight"), score));
  const LoraSpec spec = read_adapter_config(folder);
  EXPECT_EQ(print_adapter_config(spec), print_adapter_config(reward_spec()));
  EXPECT_EQ(spec.alpha, 4.5);
  EXPECT_EQ(spec.alpha_pattern.at(0).second, 1.25);
  EXPECT_TRUE(spec.targets_are_regex);
}

TEST(PeftAdapter, PickledWeightsAreRefusedWithAdvice) {
  const std::string folder = test_folder("adapter-bin");
  write_file(folder + "/adapter_model.bin", "x");
  const std::string error = error_of([&] { read_adapter_weights(folder); });
  EXPECT_NE(error.find("save it again as safetensors"), std::string::npos) << error;
}

TEST(PeftAdapter, AMagnitudeMayHaveTheNameItHasWithinPeft) {
  const std::string name = "model.layers.0.self_attn.q_proj.lora_magnitude_vector";
  for (const char* end : {"", ".weight"}) {
    const std::string folder = test_folder("adapter-magnitude");
    write_safetensors(folder + "/adapter_model.safetensors",
                      {{"base_model.model." + name + end, at::randn({8})}});
    EXPECT_EQ(read_adapter_weights(folder).names(), std::vector<std::string>{name});
  }
}

TEST(PeftAdapter, NamesWhatIsMissing) {
  const std::string folder = test_folder("adapter-missing");
  const auto weights = [&](const std::string& where) {
    return error_of([&] { read_adapter_weights(where); });
  };
  const auto config = [&](const std::string& where) { return error_of([&] { read_adapter_config(where); }); };
  EXPECT_NE(weights(folder).find("adapter_model.safetensors is missing"), std::string::npos);
  EXPECT_NE(config(folder).find("adapter_config.json is missing"), std::string::npos);
  EXPECT_NE(weights(folder + "/x").find("does not exist"), std::string::npos);
  EXPECT_NE(config(folder + "/x").find("does not exist"), std::string::npos);
}

TEST(PeftAdapter, ATensorWithoutPeftsPrefixIsRefused) {
  const std::string folder = test_folder("adapter-prefix");
  write_safetensors(folder + "/adapter_model.safetensors", {{kA, at::randn({2, 8})}});
  const std::string error = error_of([&] { read_adapter_weights(folder); });
  EXPECT_NE(error.find("does not begin with \"base_model.model.\""), std::string::npos) << error;
}

}  // namespace
}  // namespace una::weights
