#include "una/gguf/gguf_writer.h"

#include <string>
#include <string_view>

#include <ATen/core/Tensor.h>
#include <ATen/ops/add.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"
#include "una/weights/testing.h"

namespace una::gguf {
namespace {

using weights::error_of;

std::string unhex(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    out += static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16));
  }
  return out;
}

GgufMetadata small_metadata() {
  return {{"n", std::uint32_t{7}},
          {"name", std::string("ab")},
          {"yes", true},
          {"x", 1.5F},
          {"ids", std::vector<std::int32_t>{1, -1}},
          {"xs", std::vector<float>{-2}},
          {"words", std::vector<std::string>{"p", ""}}};
}

std::vector<GgufTensor> small_tensors() {
  return {{"m", {3, 2}, GgmlType::kF32, at::tensor(std::vector<float>{1, 2, 3, 4, 5, 6}).view({3, 2})},
          {"h", {2}, GgmlType::kF16, at::tensor(std::vector<float>{1, -1})}};
}

// Written by hand from the description of the format (ggml/docs/gguf.md): every number little-endian, a
// string after its length of 8 bytes.
std::string golden_bytes() {
  const std::string one = "0100000000000000", two = "0200000000000000";
  std::string out = "GGUF" + unhex("03000000" + two + "0700000000000000");
  out += unhex(one) + "n" +
         unhex(
             "04000000"
             "07000000");
  out += unhex("0400000000000000") + "name" + unhex("08000000" + two) + "ab";
  out += unhex("0300000000000000") + "yes" +
         unhex(
             "07000000"
             "01");
  out += unhex(one) + "x" +
         unhex(
             "06000000"
             "0000c03f");
  out += unhex("0300000000000000") + "ids" +
         unhex(
             "09000000"
             "05000000" +
             two + "01000000ffffffff");
  out += unhex(two) + "xs" +
         unhex(
             "09000000"
             "06000000" +
             one + "000000c0");
  out += unhex("0500000000000000") + "words" +
         unhex(
             "09000000"
             "08000000" +
             two + one) +
         "p" + unhex("0000000000000000");
  // Two dimensions, the row's length first; F32; offset 0. Then one dimension, F16, offset 32.
  out += unhex(one) + "m" +
         unhex("02000000" + two +
               "0300000000000000"
               "00000000"
               "0000000000000000");
  out += unhex(one) + "h" +
         unhex("01000000" + two +
               "01000000"
               "2000000000000000");
  out.resize((out.size() + 31) / 32 * 32, '\0');
  out += unhex(
      "0000803f000000400000404000008040"
      "0000a0400000c0400000000000000000");
  out += unhex("003c00bc") + std::string(28, '\0');
  return out;
}

TEST(GgufWriter, WritesTheBytesThatTheFormatSays) {
  const std::string path = test_folder("gguf_golden") + "/a.gguf";
  write_gguf(path, small_metadata(), small_tensors());
  EXPECT_EQ(read_file(path), golden_bytes());
}

TEST(GgufWriter, AListOfMatricesIsWrittenAsOneTensor) {
  const std::string folder = test_folder("gguf_list");
  const at::Tensor one = at::tensor(std::vector<float>{1, 2}).view({1, 2}), two = at::add(one, 2),
                   three = at::add(one, 4);
  const GgufTensor whole{"m", {3, 1, 2}, GgmlType::kF16, at::stack({one, two, three})},
      list{"m", {3, 1, 2}, GgmlType::kF16, one, {two, three}};
  write_gguf(folder + "/whole.gguf", {}, {whole, small_tensors()[1]});
  write_gguf(folder + "/list.gguf", {}, {list, small_tensors()[1]});
  EXPECT_EQ(read_file(folder + "/list.gguf"), read_file(folder + "/whole.gguf"));
}

TEST(GgufWriter, AFailureLeavesNothingAndTheOldFileAsItWas) {
  const std::string folder = test_folder("gguf_whole"), path = folder + "/a.gguf";
  std::vector<GgufTensor> tensors = small_tensors();
  tensors[1].data = at::tensor(std::vector<float>{1, 1e6F});
  const std::string error = error_of([&] { write_gguf(path, {}, tensors); });
  EXPECT_NE(error.find("the tensor h holds numbers that F16 cannot hold"), std::string::npos) << error;
  EXPECT_TRUE(is_empty_folder(folder));
  write_file(path, "old");
  EXPECT_THROW(write_gguf(path, {}, tensors), InputError);
  EXPECT_EQ(read_file(path), "old");
}

TEST(GgufWriter, AFolderThatIsNotThereIsNamed) {
  const std::string path = test_folder("gguf_nowhere") + "/no/such/a.gguf";
  const std::string error = error_of([&] { write_gguf(path, {}, {}); });
  EXPECT_NE(error.find("cannot write " + path), std::string::npos) << error;
}

TEST(GgufWriter, WhatNoReaderTakesIsOurError) {
  const std::string path = test_folder("gguf_wrong") + "/a.gguf";
  EXPECT_THROW(write_gguf(path, {{"k", true}, {"k", true}}, {}), InternalError);
  const at::Tensor row = at::zeros({1, 48});
  EXPECT_THROW(write_gguf(path, {}, {{"t", {1, 48}, GgmlType::kQ8_0, row}}), InternalError);
  EXPECT_THROW(write_gguf(path, {}, {{"t", {2, 48}, GgmlType::kF32, row}}), InternalError);
  EXPECT_THROW(write_gguf(path, {}, {{"t", {48}, GgmlType::kF32, row}, {"t", {48}, GgmlType::kF32, row}}),
               InternalError);
}

}  // namespace
}  // namespace una::gguf
