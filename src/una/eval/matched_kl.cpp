#include "una/eval/matched_kl.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "una/base/error.h"
#include "una/base/rng.h"

namespace una::eval {
namespace {

// Which prompts of which seeds a resample holds; both may repeat.
struct Draw {
  std::vector<std::size_t> seeds;
  std::vector<std::vector<std::size_t>> prompts;  // of each drawn seed
};

std::size_t prompts_of(const std::vector<FamilyMember>& members) {
  check(!members.empty() && !members.front().gains.empty(), "matched KL: a seed without policies or prompts");
  const std::size_t size = members.front().gains.size();
  for (const FamilyMember& member : members) {
    check(member.gains.size() == size && member.log_ratios.size() == size,
          "matched KL: unlike numbers of prompts");
  }
  return size;
}

Draw everything(const Family& family) {
  Draw out;
  for (std::size_t s = 0; s < family.seeds.size(); ++s) {
    out.seeds.push_back(s);
    out.prompts.emplace_back(prompts_of(family.seeds[s]));
    std::iota(out.prompts.back().begin(), out.prompts.back().end(), std::size_t{0});
  }
  return out;
}

Draw draw(const Family& family, std::uint64_t seed, int resample) {
  Rng rng(seed, stream_id("eval/matched_kl"), static_cast<std::uint64_t>(resample));
  Draw out;
  for (std::size_t i = 0; i < family.seeds.size(); ++i) {
    out.seeds.push_back(rng.below(family.seeds.size()));
    const std::size_t prompts = prompts_of(family.seeds[out.seeds.back()]);
    out.prompts.emplace_back();
    for (std::size_t p = 0; p < prompts; ++p) { out.prompts.back().push_back(rng.below(prompts)); }
  }
  return out;
}

double mean_at(const std::vector<double>& values, const std::vector<std::size_t>& at) {
  double sum = 0;
  for (const std::size_t i : at) { sum += values[i]; }
  return sum / static_cast<double>(at.size());
}

std::optional<double> on_seed(const std::vector<FamilyMember>& members,
                              const std::vector<std::size_t>& prompts, double kl) {
  std::vector<std::pair<double, double>> points = {{0, 0}};  // sqrt(KL), gain
  for (const FamilyMember& member : members) {
    points.emplace_back(std::sqrt(std::max(0.0, mean_at(member.log_ratios, prompts))),
                        mean_at(member.gains, prompts));
  }
  std::sort(points.begin(), points.end());
  const double x = std::sqrt(kl);
  for (std::size_t i = 1; i < points.size(); ++i) {
    const auto [left, low] = points[i - 1];
    const auto [right, high] = points[i];
    if (x < left || x > right) { continue; }
    return right > left ? low + (x - left) / (right - left) * (high - low) : high;
  }
  return std::nullopt;
}

std::optional<double> over_seeds(const Family& family, const Draw& drawn, double kl) {
  double sum = 0;
  for (std::size_t i = 0; i < drawn.seeds.size(); ++i) {
    const std::optional<double> one = on_seed(family.seeds[drawn.seeds[i]], drawn.prompts[i], kl);
    if (!one) { return std::nullopt; }
    sum += *one;
  }
  return sum / static_cast<double>(drawn.seeds.size());
}

// `value` of everything and of the resamples.
template <class Value>
std::optional<Interval> band(const Family& family, std::uint64_t seed, int resamples, const Value& value) {
  check(!family.seeds.empty() && resamples > 0, "matched KL: seeds and resamples are needed");
  const std::optional<double> whole = value(everything(family));
  std::vector<double> draws;
  for (int r = 0; whole && r < resamples; ++r) {
    if (const std::optional<double> one = value(draw(family, seed, r))) { draws.push_back(*one); }
  }
  if (!whole || 2 * draws.size() < static_cast<std::size_t>(resamples)) { return std::nullopt; }
  return interval_of(*whole, std::move(draws));
}

}  // namespace

std::optional<double> gain_at_kl(const Family& family, double kl) {
  return over_seeds(family, everything(family), kl);
}

std::optional<Interval> gain_band(const Family& family, double kl, std::uint64_t seed, int resamples) {
  return band(family, seed, resamples, [&](const Draw& drawn) { return over_seeds(family, drawn, kl); });
}

std::optional<Interval> paired_difference(const Family& a, const Family& b, double kl, std::uint64_t seed,
                                          int resamples) {
  check(a.seeds.size() == b.seeds.size(), "matched KL: families of other seeds");
  for (std::size_t s = 0; s < a.seeds.size(); ++s) {
    check(prompts_of(a.seeds[s]) == prompts_of(b.seeds[s]), "matched KL: families of other prompts");
  }
  return band(a, seed, resamples, [&](const Draw& drawn) -> std::optional<double> {
    const std::optional<double> one = over_seeds(a, drawn, kl), other = over_seeds(b, drawn, kl);
    return one && other ? std::optional(*one - *other) : std::nullopt;
  });
}

}  // namespace una::eval
