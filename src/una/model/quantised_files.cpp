#include "una/model/quantised_files.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/repeat_interleave.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/core/packed_matrix.h"
#include "una/kernels/packed/expand.h"

namespace una::model {
namespace {

constexpr std::int64_t kFp8Block = 128;
constexpr const char* kState = ".quant_state.bitsandbytes__";

std::int64_t blocks_of(std::int64_t size) { return (size + kFp8Block - 1) / kFp8Block; }

at::Tensor fp8_values(const std::string& name, const at::Tensor& codes, const at::Tensor& scales,
                      at::ScalarType dtype, const std::string& what) {
  check_input(codes.dim() == 2 && scales.dim() == 2 && scales.size(0) == blocks_of(codes.size(0)) &&
                  scales.size(1) == blocks_of(codes.size(1)),
              what, ": ", name, "_scale_inv does not fit ", name, ": one factor for each block of ",
              kFp8Block, " x ", kFp8Block, " numbers is expected");
  const at::Tensor rows = scales.to(at::kFloat).repeat_interleave(kFp8Block, 0).narrow(0, 0, codes.size(0));
  const at::Tensor factors = rows.repeat_interleave(kFp8Block, 1).narrow(1, 0, codes.size(1));
  return (codes.to(at::kFloat) * factors).to(dtype);
}

// What bitsandbytes notes about a matrix: a JSON text in a tensor of bytes.
Json read_state(const at::Tensor& bytes, const std::string& where) {
  const at::Tensor flat = bytes.contiguous();
  const Json state = parse_json({static_cast<const char*>(flat.const_data_ptr()), flat.nbytes()}, where);
  const bool whole = state.is_object() && state.contains("shape") && state["shape"].is_array() &&
                     state["shape"].size() == 2 && state.contains("blocksize") &&
                     state["blocksize"].is_number_unsigned() && state.contains("dtype") &&
                     state["dtype"].is_string();
  check_input(whole, where, ": a shape of two numbers, a blocksize and a dtype are expected");
  for (const Json& size : state["shape"]) {
    check_input(size.is_number_unsigned(), where, ": the shape must be whole numbers");
  }
  return state;
}

at::ScalarType dtype_of(const std::string& name, const std::string& where) {
  if (name == "float32") { return at::kFloat; }
  if (name == "bfloat16") { return at::kBFloat16; }
  check_input(name == "float16", where, ": the dtype '", name, "' is not float32, float16 or bfloat16");
  return at::kFloat;  // its values are rounded to half precision afterwards
}

// The parts of one matrix in 4 bits.
class FourBit {
 public:
  FourBit(const weights::StateDict& stored, std::string name, const std::string& state_name,
          const std::string& what)
      : stored_(stored),
        name_(std::move(name)),
        where_(cat(what, ": ", state_name)),
        state_(read_state(stored.at(state_name), where_)) {}

  at::Tensor values() const {
    const std::string noted = state_["dtype"].get<std::string>();
    const at::Tensor out = kernels::expanded(matrix(dtype_of(noted, where_)));
    return noted == "float16" ? out.to(at::kHalf) : out;
  }

 private:
  PackedMatrix matrix(at::ScalarType dtype) const {
    PackedMatrix out;
    out.dtype = dtype;
    out.rows = state_["shape"][0].get<std::int64_t>();
    out.columns = state_["shape"][1].get<std::int64_t>();
    out.block = state_["blocksize"].get<std::int64_t>();
    check_input(out.rows > 0 && out.columns > 0 && out.block > 0 && out.block % 2 == 0, where_,
                ": sizes must be positive, the blocksize even");
    out.codes = part("", at::kByte, (out.numbers() + 1) / 2);
    out.map = part(".quant_map", at::kFloat, 16);
    if (stored_.has(name_ + ".nested_absmax")) {
      nest(out);
    } else {
      out.absmax = part(".absmax", at::kFloat, out.blocks());
    }
    return out;
  }

  void nest(PackedMatrix& out) const {
    check_input(state_.contains("nested_blocksize") && state_["nested_blocksize"].is_number_unsigned() &&
                    state_["nested_blocksize"] > 0 && state_.contains("nested_offset") &&
                    state_["nested_offset"].is_number(),
                where_, ": nested scales need a nested_blocksize and a nested_offset");
    out.nested_block = state_["nested_blocksize"].get<std::int64_t>();
    out.offset = state_["nested_offset"].get<float>();
    out.nested_codes = part(".absmax", at::kByte, out.blocks());
    out.nested_map = part(".nested_quant_map", at::kFloat, 256);
    out.nested_absmax =
        part(".nested_absmax", at::kFloat, (out.blocks() + out.nested_block - 1) / out.nested_block);
  }

  at::Tensor part(const char* ending, at::ScalarType dtype, std::int64_t count) const {
    const std::string name = name_ + ending;
    check_input(stored_.has(name), where_, ": the tensor ", name, " is missing");
    const at::Tensor& found = stored_.at(name);
    check_input(found.scalar_type() == dtype && found.numel() == count, where_, ": ", name, " must hold ",
                count, " numbers of ", at::toString(dtype));
    return found.reshape({count}).contiguous();
  }

  const weights::StateDict& stored_;
  std::string name_, where_;
  Json state_;
};

at::Tensor int8_values(const std::string& name, const at::Tensor& codes, const at::Tensor& scales,
                       at::ScalarType dtype, const std::string& what) {
  check_input(codes.scalar_type() == at::kChar && codes.dim() == 2 && scales.numel() == codes.size(0), what,
              ": ", name, " needs int8 numbers and a scale for each row");
  return kernels::expanded({.form = PackedMatrix::Form::kInt8Rows,
                            .dtype = dtype,
                            .rows = codes.size(0),
                            .columns = codes.size(1),
                            .codes = codes.contiguous(),
                            .absmax = scales.to(at::kFloat).reshape({codes.size(0)}).contiguous()});
}

constexpr std::string_view kBlocks = "_proj_blocks", kScales = "_proj_scales";
// MXFP4: two numbers of 4 bits a byte (E2M1, the first one in the low half), 32 of them with a power of two in common.
constexpr std::int64_t kMxBytes = 16;
constexpr std::array<float, 16> kE2m1 = {0,     0.5F,  1,  1.5F,  2,  3,  4,  6,
                                         -0.0F, -0.5F, -1, -1.5F, -2, -3, -4, -6};
constexpr int kScaleBias = 127;

// [E, out, blocks, 16] and [E, out, blocks] -> [E, in, out], as transformers has it; the memory is [E, out, in].
at::Tensor mxfp4_values(const std::string& name, const at::Tensor& blocks, const at::Tensor& scales,
                        at::ScalarType dtype, const std::string& what) {
  check_input(blocks.scalar_type() == at::kByte && scales.scalar_type() == at::kByte && blocks.dim() == 4 &&
                  blocks.size(3) == kMxBytes && scales.sizes() == blocks.sizes().slice(0, 3),
              what, ": ", name, "_blocks must hold 16 bytes for each number of ", name,
              "_scales, which are [experts, rows, blocks]");
  const at::Tensor codes = blocks.contiguous(), powers = scales.contiguous();
  const auto *code = codes.const_data_ptr<std::uint8_t>(), *power = powers.const_data_ptr<std::uint8_t>();
  const at::Tensor wide =
      at::empty({blocks.size(0), blocks.size(1), blocks.size(2) * 2 * kMxBytes}, at::kFloat);
  auto* out = wide.mutable_data_ptr<float>();
  at::parallel_for(0, powers.numel(), 1024, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t block = begin; block < end; ++block) {
      const float scale = std::ldexp(1.0F, power[block] - kScaleBias);
      for (std::int64_t i = block * kMxBytes; i < (block + 1) * kMxBytes; ++i) {
        out[2 * i] = kE2m1[code[i] & 15U] * scale;
        out[2 * i + 1] = kE2m1[code[i] >> 4U] * scale;
      }
    }
  });
  return wide.to(dtype).transpose(1, 2);
}

// The name without the ending, "" where it has another one.
std::string before(const std::string& name, std::string_view ending) {
  return ends_with(name, ending) ? name.substr(0, name.size() - ending.size()) : "";
}

// Whether the tensor is a part of another one's quantisation.
bool is_part(const std::string& name) {
  static const std::vector<std::string_view> kEndings = {".weight.absmax",        ".weight.quant_map",
                                                         ".weight.nested_absmax", ".weight.nested_quant_map",
                                                         ".weight_scale_inv",     ".SCB",
                                                         ".weight_format",        kScales};
  return name.find(kState) != std::string::npos ||
         std::any_of(kEndings.begin(), kEndings.end(), [&](auto ending) { return ends_with(name, ending); });
}

std::optional<std::string> state_of(const weights::StateDict& stored, const std::string& weight) {
  for (const char* type : {"nf4", "fp4"}) {
    if (stored.has(weight + kState + type)) { return weight + kState + type; }
  }
  return std::nullopt;
}

}  // namespace

weights::StateDict with_plain_weights(const weights::StateDict& stored, at::ScalarType dtype,
                                      const std::string& what) {
  const auto& all = stored.all();
  const bool quantised = std::any_of(all.begin(), all.end(), [](const auto& each) {
    const at::ScalarType type = each.second.scalar_type();
    return is_part(each.first) || type == at::kFloat8_e4m3fn || type == at::kByte || type == at::kChar;
  });
  if (!quantised) { return stored; }
  weights::StateDict out;
  for (const auto& [name, tensor] : all) {
    if (is_part(name)) { continue; }
    const std::string scales = cat(before(name, "weight"), "SCB");
    if (tensor.scalar_type() == at::kFloat8_e4m3fn) {
      out.add(name, fp8_values(name, tensor, stored.at(name + "_scale_inv"), dtype, what));
    } else if (const std::optional<std::string> state = state_of(stored, name)) {
      out.add(name, FourBit(stored, name, *state, what).values());
    } else if (ends_with(name, kBlocks)) {
      const std::string matrix = before(name, "_blocks");
      out.add(matrix, mxfp4_values(matrix, tensor, stored.at(matrix + "_scales"), dtype, what));
    } else if (ends_with(name, ".weight") && stored.has(scales)) {
      out.add(name, int8_values(name, tensor, stored.at(scales), dtype, what));
    } else {
      check_input(tensor.is_floating_point() || !ends_with(name, ".weight"), what, ": ", name,
                  " holds codes, and the folder lacks the scales that go with them");
      out.add(name, tensor);
    }
  }
  out.add_files_of(stored);
  return out;
}

}  // namespace una::model
