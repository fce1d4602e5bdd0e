#include "una/gguf/gguf_quantise.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>
#include <c10/util/Half.h>

#include "una/base/error.h"
#include "una/base/format.h"

namespace una::gguf {
namespace {

constexpr std::uint64_t kQ8Bytes = sizeof(c10::Half) + kQ8Block;
constexpr float kQ8Most = 127;
constexpr std::int64_t kBlocksATask = 4096;

void quantise_block(const float* from, std::uint8_t* to) {
  float largest = 0;
  for (std::int64_t i = 0; i < kQ8Block; ++i) { largest = std::max(largest, std::abs(from[i])); }
  const float scale = largest / kQ8Most;
  float inverse = scale == 0 ? 0 : 1 / scale;
  if (!std::isfinite(inverse)) {
    inverse = 0;  // the scale is so small that fp16 rounds it to zero anyway
  }
  const c10::Half stored(scale);
  std::memcpy(to, &stored, sizeof stored);
  for (std::int64_t i = 0; i < kQ8Block; ++i) {
    const auto level = static_cast<std::int8_t>(std::round(from[i] * inverse));
    std::memcpy(to + sizeof stored + i, &level, 1);
  }
}

at::Tensor quantise(const at::Tensor& values) {
  check(values.numel() % kQ8Block == 0, "ggml_bytes: a part of a block");
  const std::int64_t blocks = values.numel() / kQ8Block;
  const auto bytes = static_cast<std::int64_t>(ggml_size(values.numel(), GgmlType::kQ8_0));
  at::Tensor out = at::empty({bytes}, at::kByte);
  const float* from = values.const_data_ptr<float>();
  auto* to = out.mutable_data_ptr<std::uint8_t>();
  at::parallel_for(0, blocks, kBlocksATask, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      quantise_block(from + i * kQ8Block, to + static_cast<std::uint64_t>(i) * kQ8Bytes);
    }
  });
  return out;
}

bool all_finite(const at::Tensor& values) { return at::isfinite(values).all().item<bool>(); }

// Q8_0's scales are fp16 too: fails for a block whose largest number exceeds 127 times the range of fp16.
bool all_scales_finite(const at::Tensor& bytes) {
  const auto* at = bytes.const_data_ptr<std::uint8_t>();
  for (std::int64_t i = 0; i < bytes.numel(); i += static_cast<std::int64_t>(kQ8Bytes)) {
    c10::Half scale;
    std::memcpy(&scale, at + i, sizeof scale);
    if (!std::isfinite(static_cast<float>(scale))) { return false; }
  }
  return true;
}

}  // namespace

const char* ggml_name(GgmlType type) {
  switch (type) {
    case GgmlType::kF32:
      return "F32";
    case GgmlType::kF16:
      return "F16";
    case GgmlType::kQ8_0:
      return "Q8_0";
    case GgmlType::kBF16:
      return "BF16";
  }
  throw InternalError("ggml_name: an unknown type");
}

bool fits_blocks(const std::vector<std::int64_t>& shape, GgmlType type) {
  return type != GgmlType::kQ8_0 || (!shape.empty() && shape.back() % kQ8Block == 0);
}

std::uint64_t ggml_size(std::int64_t numbers, GgmlType type) {
  const auto count = static_cast<std::uint64_t>(numbers);
  if (type == GgmlType::kQ8_0) { return count / kQ8Block * kQ8Bytes; }
  return count * (type == GgmlType::kF32 ? sizeof(float) : sizeof(c10::Half));
}

at::Tensor ggml_bytes(const at::Tensor& values, GgmlType type, const std::string& what) {
  const at::Tensor numbers = values.detach().cpu();
  check_input(all_finite(numbers), what, " holds numbers that are not finite; it cannot be exported");
  if (type == GgmlType::kBF16) { return numbers.to(at::kBFloat16).contiguous(); }
  if (type == GgmlType::kF32) { return numbers.to(at::kFloat).contiguous(); }
  const bool blocks = type == GgmlType::kQ8_0;
  const at::Tensor out =
      blocks ? quantise(numbers.to(at::kFloat).contiguous()) : numbers.to(at::kHalf).contiguous();
  check_input(blocks ? all_scales_finite(out) : all_finite(out), what, " holds numbers that ",
              ggml_name(type), " cannot hold; export with --dtype bfloat16 or float32");
  return out;
}

}  // namespace una::gguf
