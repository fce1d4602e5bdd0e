#include "una/setup/model_setup.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una::setup {
namespace {

template <class Call>
std::string refusal(const Call& call) {
  try {
    call();
  } catch (const InputError& error) { return error.what(); }
  return "";
}

std::string spec_refusal(const std::string& path) {
  return refusal([&] { read_folder_spec(path); });
}

TEST(ModelSetup, AFolderThatIsNotAModelIsNamedWithWhatItIs) {
  const std::string folder = test_folder("model_setup");
  write_file(folder + "/file", "x");
  EXPECT_NE(spec_refusal(folder + "/file").find("this is a file"), std::string::npos);
  EXPECT_NE(spec_refusal(folder + "/none").find("no such model folder"), std::string::npos);
  EXPECT_NE(spec_refusal(folder).find("no config.json"), std::string::npos);
  EXPECT_NE(spec_refusal("").find("--model"), std::string::npos);
}

TEST(ModelSetup, ANameOnTheHubGetsTheKeyThatFetchesIt) {
  EXPECT_NE(spec_refusal("Qwen/Qwen2.5-0.5B").find("--download true fetches it"), std::string::npos);
  EXPECT_EQ(spec_refusal("/models/none").find("--download"), std::string::npos);
}

TEST(ModelSetup, AFreshAdapterFollowsTheLoraKeys) {
  ModelOptions options;
  options.model_name_or_path = "m";
  options.lora_r = 4;
  options.rank_pattern = {"q_proj=8"};
  options.lora_modules_to_save = {"lm_head"};
  const LoraSpec spec = fresh_lora(options, false);
  EXPECT_EQ(spec.r, 4);
  EXPECT_EQ(spec.rank_pattern.at(0).second, 8);
  EXPECT_EQ(spec.base_model_name_or_path, absolute_path("m"));
  EXPECT_EQ(spec.modules_to_save, std::vector<std::string>{"lm_head"});
  EXPECT_EQ(fresh_lora(options, true).modules_to_save, std::vector<std::string>{"score"});
}

TEST(ModelSetup, PatternsThatAreNotUnderstoodAreRefused) {
  ModelOptions options;
  options.rank_pattern = {"q_proj"};
  EXPECT_NE(refusal([&] { fresh_lora(options, false); }).find("rank_pattern: 'q_proj'"), std::string::npos);
  options.rank_pattern.clear();
  options.layers_to_transform = {"one"};
  EXPECT_NE(refusal([&] { fresh_lora(options, false); }).find("layers_to_transform: 'one'"),
            std::string::npos);
}

TEST(ModelSetup, TheComputeDtypeIsTheStoredOneOrTheGivenOne) {
  ModelSpec spec;
  spec.torch_dtype = "float16";
  EXPECT_EQ(compute_dtype("auto", spec), at::kBFloat16);
  EXPECT_EQ(compute_dtype("float32", spec), at::kFloat);
  EXPECT_THROW(compute_dtype("int8", spec), InputError);
}

TEST(ModelSetup, TheHashOfAnAdapterIgnoresItsBaseAndDropout) {
  LoraSpec a;
  a.r = 4;
  a.target_modules = {"q_proj"};
  LoraSpec b = a;
  b.base_model_name_or_path = "/elsewhere";
  b.dropout = 0.1;
  EXPECT_EQ(adapter_hash(a, {}), adapter_hash(b, {}));
  b.alpha = 99;
  EXPECT_NE(adapter_hash(a, {}), adapter_hash(b, {}));
}

}  // namespace
}  // namespace una::setup
