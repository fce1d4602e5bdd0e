#include <filesystem>
#include <string>

#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/base/testing.h"
#include "una/weights/model_index.h"
#include "una/weights/safetensors.h"
#include "una/weights/testing.h"

namespace una::weights {
namespace {

namespace fs = std::filesystem;
using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

constexpr const char* kIndex = "/model.safetensors.index.json";

NamedTensors three_tensors() {  // 16, 40 and 16 bytes
  return {
      {"z", at::arange(4, at::kFloat)}, {"m", at::arange(10, at::kFloat)}, {"a", at::arange(4, at::kFloat)}};
}

void expect_error(const std::string& folder, const std::string& part) {
  const std::string error = error_of([&] { read_model_weights(folder); });
  EXPECT_NE(error.find(part), std::string::npos) << error;
  EXPECT_NE(error.find(folder), std::string::npos) << error;
}

TEST(ModelFolder, OneShardIsOneFileWithoutIndex) {
  const std::string folder = test_folder("single") + "/deep/model";
  write_model_weights(folder, three_tensors(), 1 << 30);
  EXPECT_TRUE(is_file(folder + "/model.safetensors"));
  EXPECT_FALSE(is_file(folder + kIndex));
  EXPECT_EQ(read_model_weights(folder).names(), (std::vector<std::string>{"a", "m", "z"}));
}

TEST(ModelFolder, ShardsHoldConsecutiveTensorsUpToTheLimit) {
  const std::string folder = test_folder("shards");
  write_model_weights(folder, three_tensors(), 56);
  EXPECT_EQ(read_safetensors(folder + "/model-00001-of-00002.safetensors").names(),
            (std::vector<std::string>{"m", "z"}));
  EXPECT_EQ(read_safetensors(folder + "/model-00002-of-00002.safetensors").names(),
            (std::vector<std::string>{"a"}));
  EXPECT_EQ(read_file(folder + kIndex), R"({
  "metadata": {
    "total_size": 72
  },
  "weight_map": {
    "a": "model-00002-of-00002.safetensors",
    "m": "model-00001-of-00002.safetensors",
    "z": "model-00001-of-00002.safetensors"
  }
}
)");
  const StateDict read = read_model_weights(folder);
  for (const auto& [name, tensor] : three_tensors()) {
    EXPECT_TRUE(at::equal(read.at(name), tensor)) << name;
  }
}

TEST(ModelFolder, ATensorAboveTheLimitStandsAlone) {
  const std::string folder = test_folder("large");
  write_model_weights(folder, three_tensors(), 20);
  EXPECT_EQ(read_safetensors(folder + "/model-00002-of-00003.safetensors").names(),
            (std::vector<std::string>{"m"}));
  EXPECT_EQ(read_model_weights(folder).size(), 3U);
}

TEST(ModelFolder, ContentHashDoesNotDependOnShards) {
  const std::string folder = test_folder("same");
  write_model_weights(folder + "/one", three_tensors(), 1000);
  write_model_weights(folder + "/many", three_tensors(), 20);
  EXPECT_EQ(read_model_weights(folder + "/one").content_hash(),
            read_model_weights(folder + "/many").content_hash());
}

TEST(ModelFolder, AnEarlierSaveLeavesNothingThatIsReadLater) {
  const std::string folder = test_folder("again");
  write_model_weights(folder, three_tensors(), 20);
  write_file(folder + "/config.json", "{}");
  write_model_weights(folder, {{"new", at::arange(2, at::kFloat)}}, 20);
  EXPECT_EQ(read_model_weights(folder).names(), (std::vector<std::string>{"new"}));
  EXPECT_FALSE(is_file(folder + kIndex));
  EXPECT_FALSE(is_file(folder + "/model-00001-of-00003.safetensors"));
  write_model_weights(folder, three_tensors(), 56);
  EXPECT_EQ(read_model_weights(folder).size(), 3U);
  EXPECT_FALSE(is_file(folder + "/model.safetensors"));
  EXPECT_TRUE(is_file(folder + "/config.json"));
}

TEST(ModelFolder, AnIndexOfOneNamesTheTensorsOfTheModelOnly) {
  const std::string folder = test_folder("index-of-one");
  write_model_weights(folder, three_tensors(), 1000);
  write_index_of_one(folder, three_tensors());
  write_safetensors(folder + "/value_head.safetensors", {{"value_head.bias", at::arange(1, at::kFloat)}});
  const Json index = read_json_file(folder + kIndex);
  const std::string file = "model.safetensors";
  EXPECT_EQ(index["weight_map"], Json({{"a", file}, {"m", file}, {"z", file}}));
  EXPECT_EQ(index["metadata"]["total_size"], 72);
  EXPECT_EQ(read_model_weights(folder).names(), (std::vector<std::string>{"a", "m", "z"}));
  write_model_weights(folder, three_tensors(), 56);
  const std::string of_shards = read_file(folder + kIndex);
  write_index_of_one(folder, three_tensors());
  EXPECT_EQ(read_file(folder + kIndex), of_shards);
}

TEST(ModelFolder, AFolderMayBeWrittenFromItsOwnViews) {
  const std::string folder = test_folder("self");
  write_model_weights(folder, three_tensors(), 1000);
  const StateDict read = read_model_weights(folder);
  NamedTensors views(read.all().begin(), read.all().end());
  write_model_weights(folder, views, 20);
  EXPECT_EQ(read_model_weights(folder).content_hash(), read.content_hash());
}

TEST(ModelFolder, AnIndexMayHaveMoreTensorsThanOtherJsonHasKeys) {
  const std::string folder = test_folder("many-tensors");
  write_model_weights(folder, three_tensors(), 20);
  std::string map;  // the same length of names as a mixture of experts has
  for (int i = 0; i < 100'000; ++i) {
    map += cat("\"experts.", i, "\": \"model-00001-of-00003.safetensors\",\n");
  }
  std::string index = read_file(folder + kIndex);
  const std::string head = "\"weight_map\": {";
  write_file(folder + kIndex, index.insert(index.find(head) + head.size(), map));
  expect_error(folder, "for the tensor \"experts.0\", but that file does not hold it");
  write_file(folder + kIndex, R"({"weight_map": {"a": "x.safetensors", "a": "y.safetensors"}})");
  expect_error(folder, "index.json: \"a\" occurs twice in \"weight_map\"");
}

TEST(ModelFolder, AMissingShardIsNamed) {
  const std::string folder = test_folder("missing-shard");
  write_model_weights(folder, three_tensors(), 20);
  fs::remove(folder + "/model-00002-of-00003.safetensors");
  expect_error(folder, "model-00002-of-00003.safetensors");
}

TEST(ModelFolder, AMissingIndexIsNamed) {
  const std::string folder = test_folder("missing-index");
  write_model_weights(folder, three_tensors(), 20);
  fs::remove(folder + kIndex);
  expect_error(folder, "model.safetensors.index.json is missing");
}

TEST(ModelFolder, ATensorInTheWrongShardIsNamed) {
  const std::string folder = test_folder("wrong-shard");
  write_model_weights(folder, three_tensors(), 20);
  Json index = read_json_file(folder + kIndex);
  std::swap(index["weight_map"]["a"], index["weight_map"]["z"]);
  write_file(folder + kIndex, index.dump());
  expect_error(folder,
               "\"z\" is in model-00001-of-00003.safetensors, but model.safetensors.index.json lists it in "
               "model-00003-of-00003.safetensors");
}

TEST(ModelFolder, ATensorThatNoShardHoldsIsNamed) {
  const std::string folder = test_folder("absent-tensor");
  write_model_weights(folder, three_tensors(), 20);
  Json index = read_json_file(folder + kIndex);
  index["weight_map"]["ghost"] = "model-00001-of-00003.safetensors";
  write_file(folder + kIndex, index.dump());
  expect_error(folder, "for the tensor \"ghost\", but that file does not hold it");
}

TEST(ModelFolder, AnUnlistedTensorIsReadOnceAndRefusedTwice) {
  const std::string folder = test_folder("unlisted");
  write_model_weights(folder, three_tensors(), 20);
  Json index = read_json_file(folder + kIndex);
  index["weight_map"].erase("a");
  index["weight_map"]["b"] = "model-00003-of-00003.safetensors";
  write_file(folder + kIndex, index.dump());
  const at::Tensor values = at::arange(4, at::kFloat);
  write_safetensors(folder + "/model-00003-of-00003.safetensors", {{"a", values}, {"b", values}});
  EXPECT_EQ(read_model_weights(folder).names(), (std::vector<std::string>{"a", "b", "m", "z"}));
  write_safetensors(folder + "/model-00001-of-00003.safetensors", {{"a", values}, {"z", values}});
  expect_error(folder, "\"a\" is in two shards");
}

TEST(ModelFolder, ABadIndexIsRefused) {
  const std::string folder = test_folder("bad-index");
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"{", "JSON"},
      {"[]", "not a JSON object"},
      {R"({"weight_map":{}})", "empty"},
      {R"({"weight_map":["a"]})", "weight_map"},
      {R"({"weight_map":{"a":1}})", "must be a string"},
      {R"({"weight_map":{"a":"../other.safetensors"}})", "in the folder"},
      {R"({"weight_map":{"a":"/etc/passwd"}})", "in the folder"},
      {R"({"weight_map":{"a":"pytorch_model.bin"}})", ".safetensors file"}};
  for (const auto& [index, part] : cases) {
    write_file(folder + kIndex, index);
    expect_error(folder, part);
  }
}

TEST(ModelFolder, PickledWeightsAreRefusedWithAdvice) {
  const std::string folder = test_folder("pickled");
  write_file(folder + "/pytorch_model-00001-of-00002.bin", "x");
  expect_error(folder, "convert them to safetensors");
}

TEST(ModelFolder, OtherFoldersAreRefusedByWhatTheyAre) {
  const std::string folder = test_folder("others");
  expect_error(folder, "holds no weights");
  expect_error(folder + "/absent", "does not exist");
  write_file(folder + "/training_args.bin", "x");
  expect_error(folder, "holds no weights");
  write_file(folder + "/adapter_model.safetensors", "x");
  expect_error(folder, "holds an adapter");
}

TEST(ModelFolder, ReadsTheSharedModel) {
  const std::string data = shared_data_folder();
  if (data.empty()) { GTEST_SKIP() << "no shared data here"; }
  const StateDict read = read_model_weights(data + "/models/stories260K-hf");
  EXPECT_EQ(read.at("model.embed_tokens.weight").sizes(), (std::vector<std::int64_t>{512, 64}));
  EXPECT_EQ(read_model_weights(data + "/models/verl_arithmetic/model").at("lm_head.weight").scalar_type(),
            at::kBFloat16);
}

}  // namespace
}  // namespace una::weights
