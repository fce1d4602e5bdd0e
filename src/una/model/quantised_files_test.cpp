#include "una/model/quantised_files.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "una/base/json.h"
#include "una/base/test_data.h"
#include "una/base/testing.h"
#include "una/model/fixtures_testing.h"

namespace una::model {
namespace {

at::Tensor bytes_of(const std::string& text) {
  const std::vector<std::uint8_t> bytes(text.begin(), text.end());
  return at::tensor(at::ArrayRef<std::uint8_t>(bytes), at::kByte);
}

std::string problem(const weights::StateDict& stored) {
  return error_of([&] { with_plain_weights(stored, at::kFloat, "DIR"); });
}

#define EXPECT_PROBLEM(stored, part)                                     \
  do {                                                                   \
    const std::string error = problem(stored);                           \
    EXPECT_NE(error.find(part), std::string::npos) << error;             \
    EXPECT_EQ(error.find("DIR: "), 0U) << "names the folder: " << error; \
  } while (false)

TEST(QuantisedFiles, OrdinaryTensorsStayAsTheyAre) {
  weights::StateDict stored;
  stored.add("a.weight", at::ones({2, 2}));
  EXPECT_TRUE(with_plain_weights(stored, at::kBFloat16, "DIR").at("a.weight").is_same(stored.at("a.weight")));
}

// Two blocks of rows and two of columns, the last ones cut short.
TEST(QuantisedFiles, EachBlockOfFp8HasItsFactor) {
  const at::Tensor codes = (at::rand({130, 140}) * 8 - 4).to(at::kFloat8_e4m3fn);
  const at::Tensor factors = at::tensor(std::vector<float>{2, 3, 5, 7}).view({2, 2});
  weights::StateDict stored;
  stored.add("a.weight", codes);
  stored.add("a.weight_scale_inv", factors);
  stored.add("norm.weight", at::ones({4}));
  const weights::StateDict plain = with_plain_weights(stored, at::kFloat, "DIR");
  EXPECT_EQ(plain.names(), (std::vector<std::string>{"a.weight", "norm.weight"}));
  const at::Tensor whole = codes.to(at::kFloat), &found = plain.at("a.weight");
  for (const auto& [row, column, factor] :
       {std::tuple{0, 127, 2.0F}, {127, 128, 3.0F}, {128, 0, 5.0F}, {129, 139, 7.0F}}) {
    EXPECT_EQ(found[row][column].item<float>(), whole[row][column].item<float>() * factor)
        << row << ' ' << column;
  }
  EXPECT_EQ(with_plain_weights(stored, at::kBFloat16, "DIR").at("a.weight").scalar_type(), at::kBFloat16);
}

TEST(QuantisedFiles, Fp8WithoutFittingFactorsIsRefused) {
  weights::StateDict stored;
  stored.add("a.weight", at::ones({130, 4}).to(at::kFloat8_e4m3fn));
  EXPECT_NE(problem(stored).find("a.weight_scale_inv"), std::string::npos) << problem(stored);
  stored.add("a.weight_scale_inv", at::ones({1, 1}));
  EXPECT_PROBLEM(stored, "does not fit a.weight");
}

// The recorded matrix `whole` of [24, 64], under the names of a folder.
weights::StateDict stored_by_bitsandbytes(bool nested) {
  const weights::StateDict file =
      weights::read_safetensors((test_data() / "quantised" / "bitsandbytes.safetensors").string());
  const std::string kind = nested ? "whole.nf4" : "whole.single";
  Json state = {{"quant_type", "nf4"}, {"blocksize", 64}, {"dtype", "float32"}, {"shape", {24, 64}}};
  weights::StateDict out;
  out.add("a.weight", file.at(kind + ".codes").view({-1, 1}));
  out.add("a.weight.absmax", file.at(kind + ".absmax"));
  out.add("a.weight.quant_map", file.at("map"));
  if (nested) {
    state.update({{"nested_blocksize", 256}, {"nested_offset", file.at("whole.nf4.offset").item<float>()}});
    out.add("a.weight.nested_absmax", file.at("whole.nf4.nested_absmax"));
    out.add("a.weight.nested_quant_map", file.at("nested_map"));
  }
  out.add("a.weight.quant_state.bitsandbytes__nf4", bytes_of(state.dump()));
  out.add("b.weight", file.at("whole.int8.codes"));
  out.add("b.SCB", file.at("whole.int8.absmax"));
  out.add("b.weight_format", at::zeros({}, at::kByte));
  out.add("values", file.at(kind + ".values"));
  out.add("rows", file.at("whole.int8.values"));
  return out;
}

TEST(QuantisedFiles, ValuesOfBitsandbytesBitForBit) {
  for (const bool nested : {true, false}) {
    const weights::StateDict stored = stored_by_bitsandbytes(nested);
    const weights::StateDict plain = with_plain_weights(stored, at::kFloat, "DIR");
    EXPECT_TRUE(plain.at("a.weight").equal(stored.at("values"))) << nested;
    EXPECT_TRUE(plain.at("b.weight").equal(stored.at("rows")));
    EXPECT_EQ(plain.names(), (std::vector<std::string>{"a.weight", "b.weight", "rows", "values"}));
  }
}

// Subnormal numbers too.
TEST(QuantisedFiles, ValuesOfMxfp4AreTransformersBitForBit) {
  const weights::StateDict file =
      weights::read_safetensors((test_data() / "quantised" / "mxfp4.safetensors").string());
  weights::StateDict stored;
  stored.add("a.gate_up_proj_blocks", file.at("blocks"));
  stored.add("a.gate_up_proj_scales", file.at("scales"));
  stored.add("a.gate_up_proj_bias", at::ones({4}));
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    const weights::StateDict plain = with_plain_weights(stored, dtype, "DIR");
    EXPECT_EQ(plain.names(), (std::vector<std::string>{"a.gate_up_proj", "a.gate_up_proj_bias"}));
    const at::Tensor& wanted = file.at(dtype == at::kFloat ? "values.float32" : "values.bfloat16");
    EXPECT_EQ(plain.at("a.gate_up_proj").scalar_type(), dtype);
    EXPECT_TRUE(plain.at("a.gate_up_proj").equal(wanted)) << dtype;
  }
}

TEST(QuantisedFiles, Mxfp4WithoutFittingScalesIsRefused) {
  weights::StateDict stored;
  stored.add("a.down_proj_blocks", at::zeros({2, 3, 4, 16}, at::kByte));
  EXPECT_NE(problem(stored).find("a.down_proj_scales"), std::string::npos) << problem(stored);
  stored.add("a.down_proj_scales", at::zeros({2, 3, 5}, at::kByte));
  EXPECT_PROBLEM(stored, "a.down_proj_blocks must hold 16 bytes for each number of a.down_proj_scales");
}

TEST(QuantisedFiles, MissingAndUnfittingPartsAreNamed) {
  const weights::StateDict whole = stored_by_bitsandbytes(true);
  const auto without = [&](const std::string& gone) {
    return whole.renamed([&](const std::string& name) { return name == gone ? "" : name; });
  };
  EXPECT_PROBLEM(without("a.weight.absmax"), "the tensor a.weight.absmax is missing");
  EXPECT_PROBLEM(without("a.weight.nested_absmax"), "a.weight.absmax must hold 24 numbers of Float");
  EXPECT_PROBLEM(without("a.weight.quant_state.bitsandbytes__nf4"), "a.weight holds codes");
  EXPECT_PROBLEM(without("b.SCB"), "b.weight holds codes");
  weights::StateDict other = without("a.weight.quant_state.bitsandbytes__nf4");
  other.add("a.weight.quant_state.bitsandbytes__nf4",
            bytes_of(R"({"shape": [24], "blocksize": 64, "dtype": "float32"})"));
  EXPECT_PROBLEM(other, "a shape of two numbers");
}

}  // namespace
}  // namespace una::model
