#include "una/rows/files/mixture.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "una/base/error.h"
#include "una/base/hash.h"
#include "una/base/rng.h"
#include "una/rows/schemas/schema.h"

namespace una::rows {
std::vector<std::int64_t> mixture_counts(const std::vector<std::int64_t>& have,
                                         const std::vector<double>& weights, std::int64_t most) {
  check(have.size() == weights.size(), "mixture_counts: a weight a source");
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  double total = most > 0 ? static_cast<double>(most) : std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < have.size(); ++i) {
    total = std::min(total, static_cast<double>(have[i]) * sum / weights[i]);
  }
  std::vector<std::int64_t> counts;
  for (std::size_t i = 0; i < have.size(); ++i) {
    counts.push_back(std::min<std::int64_t>(have[i], std::llround(weights[i] / sum * total)));
  }
  return counts;
}

std::uint64_t draw_of(const Example& example, std::uint64_t seed) {
  const std::string key = example.group_id.empty() ? "p" + prompt_key(example) : "g" + example.group_id;
  return random_bits(seed, stream_id("mixture"), hash_u64(key));
}

std::vector<bool> first_drawn(const std::vector<std::uint64_t>& draws, std::int64_t count) {
  check(count >= 0 && count <= std::ssize(draws), "first_drawn: more rows than there are");
  std::vector<std::size_t> order(draws.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return draws[a] < draws[b]; });
  std::vector<bool> drawn(draws.size(), false);
  for (std::int64_t i = 0; i < count; ++i) { drawn[order[static_cast<std::size_t>(i)]] = true; }
  return drawn;
}

}  // namespace una::rows
