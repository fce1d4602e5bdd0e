#include "una/setup/merged.h"

#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

#include "una/base/files/files.h"
#include "una/base/testing.h"
#include "una/setup/text_setup.h"
#include "una/train/tiny_testing.h"
#include "una/weights/hf_config.h"

namespace una::setup {
namespace {

// A tiny model folder, loaded, with an adapter that computes something.
ModelSetup tiny_with_adapter(const std::string& folder) {
  const ModelSpec spec = train::testing::tiny_spec();
  write_file(folder + "/config.json", weights::print_model_spec(spec));
  write_file(folder + "/merges.txt", "a b");
  const model::Model model(spec, 1, {});
  weights::write_model_weights(folder, model.named_tensors(), kShardBytes);
  ModelSetup setup = load_for_inference(folder, "", {.dtype = "float32"});
  LoraSpec lora;
  lora.r = 2;
  lora.target_modules = {"all-linear"};
  setup.policy = setup.model->add_adapter(lora, 3, false);
  for (const auto& [name, tensor] : setup.model->adapter_tensors(setup.policy)) {
    at::Tensor(tensor).fill_(0.05);
  }
  setup.model->refresh();
  return setup;
}

TEST(Merged, AFolderOfItsOwnComputesWhatBaseAndAdapterDo) {
  const std::string folder = test_folder("merged"), out = folder + "/out";
  const ModelSetup setup = tiny_with_adapter(folder);
  EXPECT_LE(write_merged(setup, out, text_folders(folder, "")), 1e-4);
  EXPECT_EQ(read_file(out + "/merges.txt"), "a b");
  const ModelFolder base = read_model_folder(folder), merged = read_model_folder(out);
  EXPECT_NE(base.content_hash, merged.content_hash);
  EXPECT_EQ(merged.spec.hidden_size, base.spec.hidden_size);
}

TEST(Merged, WeightsOverTheShardSizeGoIntoSeveralFiles) {
  const std::string folder = test_folder("merged_shards"), out = folder + "/out";
  write_merged(tiny_with_adapter(folder), out, text_folders(folder, ""), 10'000);
  EXPECT_TRUE(is_file(out + "/model.safetensors.index.json"));
  EXPECT_FALSE(is_file(out + "/model.safetensors"));
}

}  // namespace
}  // namespace una::setup
