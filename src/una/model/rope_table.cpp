#include "una/model/rope_table.h"

#include <algorithm>
#include <map>
#include <utility>

#include <ATen/ops/arange.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/max.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/tensor.h>

#include "una/base/error.h"

namespace una::model {
namespace {

constexpr std::int64_t kFirstTable = 1024;

// cos and sin of positions [N] fp32.
std::pair<at::Tensor, at::Tensor> turn(const at::Tensor& positions, RopeFrequencies frequencies) {
  const at::Tensor row = at::from_blob(frequencies.values.data(),
                                       {1, static_cast<std::int64_t>(frequencies.values.size())}, at::kFloat);
  const at::Tensor angles = positions.unsqueeze(1).mul(row);
  at::Tensor cos = at::cos(angles), sin = at::sin(angles);
  if (frequencies.attention_factor != 1) {
    cos.mul_(frequencies.attention_factor);
    sin.mul_(frequencies.attention_factor);
  }
  return {cos, sin};
}

}  // namespace

RopeTable::RopeTable(RopeSpec spec, std::int64_t head_dim, std::int64_t max_positions)
    : spec_(std::move(spec)),
      head_dim_(head_dim),
      max_positions_(max_positions),
      frequencies_(rope_frequencies(spec_, head_dim, max_positions)) {}

void RopeTable::grow(std::int64_t positions) {
  std::int64_t size = cos_.defined() ? cos_.size(0) : 0;
  if (positions <= size) { return; }
  size = std::max(size, kFirstTable);
  while (size < positions) { size *= 2; }
  std::tie(cos_, sin_) = turn(at::arange(size, at::kFloat), frequencies_);
}

std::pair<at::Tensor, at::Tensor> RopeTable::rows(const at::Tensor& positions) {
  if (positions.numel() > 0) {
    grow(positions.max().item<std::int64_t>() + 1);
  } else {
    grow(1);
  }
  return {cos_.index_select(0, positions), sin_.index_select(0, positions)};
}

std::pair<at::Tensor, at::Tensor> RopeTable::rows(const at::Tensor& positions,
                                                  const std::vector<std::int64_t>& lengths) {
  check(positions.numel() == static_cast<std::int64_t>(lengths.size()), "RopeTable: one length a token");
  std::map<std::int64_t, std::vector<std::int64_t>> tokens;  // by variant
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const std::int64_t variant = rope_variant(spec_, max_positions_, lengths[i]);
    tokens[variant].push_back(static_cast<std::int64_t>(i));
  }
  if (tokens.empty() || (tokens.size() == 1 && tokens.count(0) > 0)) { return rows(positions); }
  const std::int64_t pairs = static_cast<std::int64_t>(frequencies_.values.size());
  at::Tensor cos = at::empty({positions.numel(), pairs}, at::kFloat), sin = at::empty_like(cos);
  for (const auto& [variant, list] : tokens) {
    const at::Tensor index = at::tensor(list, at::kLong);
    const auto [c, s] = turn(positions.index_select(0, index).to(at::kFloat),
                             rope_frequencies(spec_, head_dim_, max_positions_, variant));
    cos.index_copy_(0, index, c);
    sin.index_copy_(0, index, s);
  }
  return {cos, sin};
}

}  // namespace una::model
