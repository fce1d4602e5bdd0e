#include "una/weights/safetensors.h"

#include <array>
#include <csignal>
#include <filesystem>
#include <string>

#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"
#include "una/weights/safetensors_stream.h"
#include "una/weights/testing.h"

namespace una::weights {
namespace {

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

NamedTensors small_tensors() {
  const at::Tensor matrix = at::tensor({1.0F, -2.0F, 0.5F, 3.0F}).view({2, 2});
  return {{"b.weight", matrix},
          {"a.bias", at::tensor({1.0F, -1.5F}).to(at::kBFloat16)},
          {"h", at::full({1}, 0.25F).to(at::kHalf)},
          {"ids", at::tensor({std::int64_t{7}, std::int64_t{-1}}, at::kLong)},
          {"a", at::full({}, 2.0F)},
          {"flag", at::tensor({1, 0, 1}).to(at::kBool)},
          {"none", at::zeros({0, 3})}};
}

std::string unhex(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    out += static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16));
  }
  return out;
}

// What safetensors 0.8.0 (Python, save(..., {"format": "pt"})) wrote for small_tensors().
std::string golden_bytes() {
  return unhex("c001000000000000") +
         R"({"__metadata__":{"format":"pt"},"ids":{"dtype":"I64","shape":[2],"data_offsets":[0,16]},)"
         R"("a":{"dtype":"F32","shape":[],"data_offsets":[16,20]},)"
         R"("b.weight":{"dtype":"F32","shape":[2,2],"data_offsets":[20,36]},)"
         R"("none":{"dtype":"F32","shape":[0,3],"data_offsets":[36,36]},)"
         R"("a.bias":{"dtype":"BF16","shape":[2],"data_offsets":[36,40]},)"
         R"("h":{"dtype":"F16","shape":[1],"data_offsets":[40,42]},)"
         R"("flag":{"dtype":"BOOL","shape":[3],"data_offsets":[42,45]}}       )" +
         unhex("0700000000000000ffffffffffffffff000000400000803f000000c00000003f00004040803fc0bf0034010001");
}

TEST(Safetensors, WritesTheBytesOfTheSafetensorsLibrary) {
  const std::string path = test_folder("golden") + "/a.safetensors";
  write_safetensors(path, small_tensors());
  EXPECT_EQ(read_file(path), golden_bytes());
}

TEST(Safetensors, AStreamedTensorIsTheSameBytes) {
  const std::string folder = test_folder("streamed");
  const at::Tensor values = at::arange(6, at::kFloat), other = at::arange(3, at::kDouble);
  write_safetensors(folder + "/whole", {{"b", values.view({2, 3})}, {"a", other}});
  const auto streamed = [&](std::int64_t last) {
    write_streamed_safetensors(
        folder + "/streamed",
        {{"b",
          at::kFloat,
          {2, 3},
          [&, last](const StreamedTensor::Write& write) {
            write(values.narrow(0, 0, 2));
            write(values.narrow(0, 2, last));
          }},
         {"a", at::kDouble, {3}, [&](const StreamedTensor::Write& write) { write(other); }}});
  };
  streamed(4);
  EXPECT_EQ(read_file(folder + "/streamed"), read_file(folder + "/whole"));
  EXPECT_THROW(streamed(3), InternalError) << "parts that do not make the tensor";
}

TEST(Safetensors, WritesNoTensorsAsTheLibraryDoes) {
  const std::string path = test_folder("nothing") + "/a.safetensors";
  write_safetensors(path, {});
  EXPECT_EQ(read_file(path), unhex("2000000000000000") + R"({"__metadata__":{"format":"pt"}})");
  EXPECT_EQ(read_safetensors(path).size(), 0U);
}

TEST(Safetensors, OrdersEveryDtypeAsTheLibraryDoes) {
  const std::string path = test_folder("order") + "/a.safetensors";
  NamedTensors tensors;
  for (const at::ScalarType type :
       {at::kByte, at::kChar, at::kBool, at::kShort, at::kUInt16, at::kHalf, at::kBFloat16, at::kInt,
        at::kUInt32, at::kFloat, at::kLong, at::kUInt64, at::kDouble}) {
    tensors.emplace_back(std::string(c10::toString(type)), at::zeros({1}, type));
  }
  write_safetensors(path, tensors);
  const std::string bytes = read_file(path);
  std::size_t at = 0;
  for (const char* dtype :
       {"U64", "I64", "F64", "F32", "U32", "I32", "BF16", "F16", "U16", "I16", "I8", "U8", "BOOL"}) {
    const std::size_t found = bytes.find(std::string("\"dtype\":\"") + dtype + "\"");
    ASSERT_NE(found, std::string::npos) << dtype;
    EXPECT_GT(found, at) << dtype;
    at = found;
  }
  const StateDict read = read_safetensors(path);
  for (const auto& [name, tensor] : tensors) {
    EXPECT_EQ(read.at(name).scalar_type(), tensor.scalar_type()) << name;
  }
}

TEST(Safetensors, ReadsBackWhatItWrote) {
  const std::string path = test_folder("roundtrip") + "/a.safetensors";
  const NamedTensors tensors = small_tensors();
  write_safetensors(path, tensors);
  const StateDict read = read_safetensors(path);
  EXPECT_EQ(read.size(), tensors.size());
  for (const auto& [name, tensor] : tensors) {
    EXPECT_EQ(read.at(name).sizes(), tensor.sizes()) << name;
    EXPECT_EQ(read.at(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(at::equal(read.at(name), tensor)) << name;
  }
}

TEST(Safetensors, TensorsAreViewsThatOutliveDictAndFile) {
  const std::string path = test_folder("views") + "/a.safetensors";
  const at::Tensor values = at::randn({300, 7});
  write_safetensors(path, {{"x", values}, {"y", values}});
  at::Tensor kept;
  {
    const StateDict read = read_safetensors(path);
    kept = read.at("x");
    // One mapping: the second tensor follows the first directly.
    EXPECT_EQ(static_cast<const char*>(read.at("y").const_data_ptr()),
              static_cast<const char*>(kept.const_data_ptr()) + kept.nbytes());
  }
  write_safetensors(path, {{"x", at::zeros({1})}});  // replaces the file while a view of the old one is held
  std::filesystem::remove(path);
  EXPECT_TRUE(at::equal(kept, values));
}

TEST(Safetensors, MakesTransposedTensorsContiguous) {
  const std::string path = test_folder("transposed") + "/a.safetensors";
  const at::Tensor values = at::arange(6, at::kFloat).view({2, 3});
  write_safetensors(path, {{"t", values.t()}, {"row", values.select(1, 1)}});
  const StateDict read = read_safetensors(path);
  EXPECT_TRUE(read.at("t").is_contiguous());
  EXPECT_TRUE(at::equal(read.at("t"), values.t()));
  EXPECT_TRUE(at::equal(read.at("row"), values.select(1, 1)));
}

TEST(Safetensors, WritesTensorsThatRequireGrad) {
  const std::string path = test_folder("grad") + "/a.safetensors";
  write_safetensors(path, {{"w", at::ones({2}).requires_grad_(true)}});
  EXPECT_FALSE(read_safetensors(path).at("w").requires_grad());
}

TEST(Safetensors, ReadsDataOffItsAlignment) {
  // Padding the header is optional; this one has 55 bytes.
  const std::string header = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}} )";
  std::string file(8, '\0');
  file[0] = static_cast<char>(header.size());
  const std::array<float, 2> values = {1.5F, -2.0F};
  file += header + std::string(reinterpret_cast<const char*>(values.data()), 8);
  ASSERT_NE((8 + header.size()) % 4, 0U);
  const std::string path = test_folder("misaligned") + "/a.safetensors";
  write_file(path, file);
  EXPECT_TRUE(at::equal(read_safetensors(path).at("a"), at::tensor({1.5F, -2.0F})));
}

TEST(Safetensors, AFailedWriteLeavesNothing) {
  const std::string folder = test_folder("failed");
  EXPECT_THROW(write_safetensors(folder + "/missing/a.safetensors", small_tensors()), InputError);
  EXPECT_THROW(write_safetensors(folder + "/a", {{"x", at::zeros({1})}, {"x", at::zeros({1})}}),
               InternalError);
  EXPECT_THROW(write_safetensors(folder + "/a", {{"x", at::zeros({1}, at::kComplexFloat)}}), InternalError);
  EXPECT_TRUE(is_empty_folder(folder));
}

TEST(Safetensors, AFullDiskLeavesTheOldFileAndIsOneSentence) {
  const std::string folder = test_folder("full"), path = folder + "/a.safetensors";
  write_safetensors(path, small_tensors());
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const rlimit small{4096, old.rlim_max};
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string error = error_of([&] { write_safetensors(path, {{"large", at::zeros({4096})}}); });
  ::setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_EQ(error.find("cannot write " + path + ": "), 0U) << error;
  EXPECT_EQ(read_file(path), golden_bytes());
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
}

TEST(Safetensors, NamesTheFileThatIsNotThere) {
  EXPECT_NE(error_of([] { read_safetensors("/nowhere/a.safetensors"); }).find("/nowhere/a.safetensors"),
            std::string::npos);
  const std::string path = test_folder("empty") + "/a.safetensors";
  write_file(path, "");
  EXPECT_NE(error_of([&] { read_safetensors(path); }).find(path), std::string::npos);
}

TEST(Safetensors, AMissingTensorIsNamedWithItsNearest) {
  StateDict dict;
  dict.add("model.norm.weight", at::zeros({1}));
  const std::string error = error_of([&] { dict.at("model.norm.weigth"); });
  EXPECT_NE(error.find("\"model.norm.weigth\""), std::string::npos) << error;
  EXPECT_NE(error.find("nearest name is \"model.norm.weight\""), std::string::npos) << error;
  EXPECT_THROW(dict.add("model.norm.weight", at::zeros({1})), InputError);
}

TEST(Safetensors, RenamingDropsAndRefusesClashes) {
  StateDict dict;
  for (const char* name : {"a", "b", "c"}) { dict.add(name, at::zeros({1})); }
  const StateDict renamed =
      dict.renamed([](const std::string& name) { return name == "b" ? "" : "x." + name; });
  EXPECT_EQ(renamed.names(), (std::vector<std::string>{"x.a", "x.c"}));
  EXPECT_THROW(dict.renamed([](const std::string&) { return "same"; }), InputError);
}

TEST(Safetensors, TheContentHashIsOfTheContentAlone) {
  const auto hash = [](const NamedTensors& tensors) {
    StateDict dict;
    for (const auto& [name, tensor] : tensors) { dict.add(name, tensor); }
    return dict.content_hash();
  };
  const at::Tensor values = at::arange(6, at::kFloat);
  const std::string expected = hash({{"a", values}, {"b", values.view({2, 3})}});
  EXPECT_EQ(hash({{"b", values.view({2, 3})}, {"a", values}}), expected);
  EXPECT_EQ(hash({{"b", values.view({2, 3}).t().clone().t()}, {"a", values}}), expected);
  EXPECT_NE(hash({{"a", values}, {"b", values.view({3, 2})}}), expected);
  EXPECT_NE(hash({{"a", values}, {"c", values.view({2, 3})}}), expected);
  EXPECT_NE(hash({{"a", values.to(at::kInt)}, {"b", values.view({2, 3})}}), expected);
  EXPECT_NE(hash({{"a", values.clone().fill_(1)}, {"b", values.view({2, 3})}}), expected);
  const std::string path = test_folder("hash") + "/a.safetensors";
  write_safetensors(path, {{"a", values}, {"b", values.view({2, 3})}});
  EXPECT_EQ(read_safetensors(path).content_hash(), expected);
}

}  // namespace
}  // namespace una::weights
