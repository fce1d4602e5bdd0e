#include "una/data/mixture.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "una/base/error.h"
#include "una/base/hash.h"
#include "una/base/rng.h"

namespace una::data::detail {
namespace {

std::uint64_t draw_of(const Example& example, std::uint64_t seed) {
  const std::string key = example.group_id.empty() ? "p" + prompt_key(example) : "g" + example.group_id;
  return random_bits(seed, stream_id("mixture"), hash_u64(key));
}

}  // namespace

std::vector<std::int64_t> mixture_counts(const std::vector<std::int64_t>& have,
                                         const std::vector<double>& weights, std::int64_t most) {
  check(have.size() == weights.size(), "mixture_counts: a weight a source");
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  double total = most > 0 ? static_cast<double>(most) : std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < have.size(); ++i)
    total = std::min(total, static_cast<double>(have[i]) * sum / weights[i]);
  std::vector<std::int64_t> counts;
  for (std::size_t i = 0; i < have.size(); ++i)
    counts.push_back(std::min<std::int64_t>(have[i], std::llround(weights[i] / sum * total)));
  return counts;
}

void draw_rows(std::vector<ReadRow>& rows, std::int64_t count, std::uint64_t seed) {
  check(count >= 0 && count <= std::ssize(rows), "draw_rows: more rows than there are");
  std::vector<std::pair<std::uint64_t, std::size_t>> order;
  for (std::size_t i = 0; i < rows.size(); ++i) order.emplace_back(draw_of(rows[i].example, seed), i);
  std::sort(order.begin(), order.end());
  order.resize(static_cast<std::size_t>(count));
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  std::vector<ReadRow> kept;
  kept.reserve(order.size());
  for (const auto& [draw, index] : order) kept.push_back(std::move(rows[index]));
  rows = std::move(kept);
}

}  // namespace una::data::detail
