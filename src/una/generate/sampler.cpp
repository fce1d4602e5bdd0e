#include "una/generate/sampler.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <span>

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include "una/base/error.h"
#include "una/base/rng.h"
#include "una/generate/token_logps.h"
#include "una/kernels/softmax_row.h"

namespace una::generate {
namespace {

// Fewer logits than this are not worth a second thread.
constexpr std::int64_t kGrain = 1 << 16;

bool is_greedy(const SamplingParams& params) { return params.temperature == 0 || params.top_k == 1; }

bool has_penalty(const SamplingParams& p) {
  return p.repetition_penalty != 1 || p.presence_penalty != 0 || p.frequency_penalty != 0;
}

// Whether the row is drawn from softmax(logits) itself.
bool is_plain(const RowChoice& row) {
  const SamplingParams& p = *row.params;
  return !row.forbid_stops && p.temperature == 1 && p.top_p == 1 && p.top_k == 0 && p.min_p == 0 &&
         !has_penalty(p);
}

// The lowest id with the largest logit, stop ids left out where they are forbidden.
std::int32_t most_likely(std::span<const float> logits, const RowChoice& row) {
  const auto& stops = row.params->stop_ids;
  const auto allowed = [&](std::size_t id) {
    return !row.forbid_stops ||
           std::find(stops.begin(), stops.end(), static_cast<std::int32_t>(id)) == stops.end();
  };
  std::size_t best = logits.size();
  for (std::size_t id = 0; id < logits.size(); ++id) {
    if ((best == logits.size() || logits[id] > logits[best]) && allowed(id)) { best = id; }
  }
  check_input(best < logits.size(), "min_new_tokens forbids every token of the vocabulary");
  return static_cast<std::int32_t>(best);
}

// Four running sums: the order is fixed and the additions overlap.
double sum(std::span<const float> values) {
  double parts[4] = {0, 0, 0, 0};
  std::size_t i = 0;
  for (; i + 4 <= values.size(); i += 4) {
    for (std::size_t k = 0; k < 4; ++k) { parts[k] += values[i + k]; }
  }
  for (; i < values.size(); ++i) { parts[0] += values[i]; }
  return parts[0] + parts[1] + parts[2] + parts[3];
}

// A token and the share of the weights that it holds.
struct Choice {
  std::int32_t token = 0;
  double share = 0;
};

// The id at which the running sum of weights passes uniform * total: whole blocks first.
Choice draw_by_id(std::span<const float> weights, double uniform) {
  constexpr std::size_t kBlock = 256;
  std::vector<double> blocks;
  double total = 0;
  for (std::size_t begin = 0; begin < weights.size(); begin += kBlock) {
    blocks.push_back(sum(weights.subspan(begin, std::min(kBlock, weights.size() - begin))));
    total += blocks.back();
  }
  const auto choice = [&](std::size_t id) {
    return Choice{static_cast<std::int32_t>(id), weights[id] / total};
  };
  double left = uniform * total;
  std::size_t block = 0;
  while (block + 1 < blocks.size() && left >= blocks[block]) { left -= blocks[block++]; }
  std::size_t last = 0;  // rounding may leave a rest: the last id with any weight takes it
  for (std::size_t id = block * kBlock; id < weights.size(); ++id) {
    if (weights[id] <= 0) { continue; }
    last = id;
    if (left < weights[id]) { return choice(id); }
    left -= weights[id];
  }
  if (last == 0) {
    for (std::size_t id = 0; id < weights.size(); ++id) { last = weights[id] > 0 ? id : last; }
  }
  return choice(last);
}

// A token that may be drawn.
struct Candidate {
  float weight = 0;
  std::int32_t id = 0;
};

// Sets the weights outside the top k to 0; ids tied with the k-th stay, as in Hugging Face.
void keep_top_k(std::span<float> weights, std::int64_t top_k) {
  if (top_k <= 0 || static_cast<std::size_t>(top_k) >= weights.size()) { return; }
  std::vector<float> sorted(weights.begin(), weights.end());
  const auto kth = sorted.begin() + (top_k - 1);
  std::nth_element(sorted.begin(), kth, sorted.end(), std::greater<>());
  for (float& weight : weights) { weight = weight < *kth ? 0 : weight; }
}

// The smallest set of most likely ids that holds top_p of the weight, most likely first.
std::vector<Candidate> nucleus(std::span<const float> weights, double top_p) {
  const double total = sum(weights);
  // Ids below this bound hold less than 1 - top_p together, so none is in the set: few are left to sort.
  const double bound = (1 - top_p) * total / static_cast<double>(weights.size());
  std::vector<Candidate> out;
  for (std::size_t id = 0; id < weights.size(); ++id) {
    if (weights[id] > 0 && weights[id] >= bound) {
      out.push_back({weights[id], static_cast<std::int32_t>(id)});
    }
  }
  std::sort(out.begin(), out.end(), [](const Candidate& a, const Candidate& b) {
    return a.weight != b.weight ? a.weight > b.weight : a.id < b.id;
  });
  double held = 0;
  std::size_t size = 0;
  while (size < out.size() && (size == 0 || held < top_p * total)) { held += out[size++].weight; }
  out.resize(size);
  return out;
}

// Drops what has less than min_p of the first one's weight; most likely first.
void keep_min_p(std::vector<Candidate>& candidates, double min_p) {
  while (candidates.size() > 1 && candidates.back().weight < min_p * candidates.front().weight) {
    candidates.pop_back();
  }
}

void keep_min_p(std::span<float> weights, double min_p) {
  if (min_p <= 0) { return; }
  const double bound = min_p * *std::max_element(weights.begin(), weights.end());
  for (float& weight : weights) { weight = weight < bound ? 0 : weight; }
}

Choice draw_in_order(const std::vector<Candidate>& candidates, double uniform) {
  if (candidates.empty()) {
    return {};  // broken logits: the caller looks at the log-prob
  }
  double total = 0;
  for (const Candidate& candidate : candidates) { total += candidate.weight; }
  double left = uniform * total;
  for (const Candidate& candidate : candidates) {
    if (left < candidate.weight) { return {candidate.id, candidate.weight / total}; }
    left -= candidate.weight;
  }
  return {candidates.back().id, candidates.back().weight / total};
}

Choice draw(std::span<float> weights, const RowChoice& row) {
  const SamplingParams& params = *row.params;
  if (row.forbid_stops) {
    for (const std::int32_t id : params.stop_ids) {
      if (id >= 0 && static_cast<std::size_t>(id) < weights.size()) {
        weights[static_cast<std::size_t>(id)] = 0;
      }
    }
    check_input(sum(weights) > 0, "min_new_tokens forbids every token that has a probability");
  }
  keep_top_k(weights, params.top_k);
  if (params.top_p < 1) {
    std::vector<Candidate> candidates = nucleus(weights, params.top_p);
    keep_min_p(candidates, params.min_p);
    return draw_in_order(candidates, row.uniform);
  }
  keep_min_p(weights, params.min_p);
  return draw_by_id(weights, row.uniform);
}

// `after` gets the penalties of a row; `before` has its logits as the model gave them.
void penalise(std::span<const float> before, std::span<float> after, const RowChoice& row) {
  const auto known = [&](std::int32_t id) { return id >= 0 && static_cast<std::size_t>(id) < before.size(); };
  const auto penalty = static_cast<float>(row.params->repetition_penalty);
  for (const auto& ids : {row.prompt, row.answer}) {
    if (penalty == 1) { break; }
    for (const std::int32_t id : ids) {  // from the untouched logit: an id that comes twice is penalised once
      const auto at = static_cast<std::size_t>(id);
      if (known(id)) { after[at] = before[at] < 0 ? before[at] * penalty : before[at] / penalty; }
    }
  }
  const double presence = row.params->presence_penalty, frequency = row.params->frequency_penalty;
  if (presence == 0 && frequency == 0) { return; }
  std::map<std::int32_t, std::int64_t> counts;
  for (const std::int32_t id : row.answer) { ++counts[id]; }
  for (const auto& [id, count] : counts) {
    const double off = presence + frequency * static_cast<double>(count);
    if (known(id)) { after[static_cast<std::size_t>(id)] -= static_cast<float>(off); }
  }
}

// The logits with the penalties in them, a copy only where a row has one.
at::Tensor penalised(const at::Tensor& logits, const std::vector<RowChoice>& rows) {
  const bool any =
      std::any_of(rows.begin(), rows.end(), [](const RowChoice& row) { return has_penalty(*row.params); });
  if (!any) { return logits; }
  at::Tensor out = logits.clone();
  const auto vocabulary = static_cast<std::size_t>(logits.size(1));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!has_penalty(*rows[i].params)) { continue; }
    penalise({logits.const_data_ptr<float>() + i * vocabulary, vocabulary},
             {out.mutable_data_ptr<float>() + i * vocabulary, vocabulary}, rows[i]);
  }
  return out;
}

// One row: `raw` as the model gave them, `changed` with the penalties. `weights` is room of that
// size.
Draw draw_row(std::span<const float> raw, std::span<const float> changed, std::span<float> weights,
              const RowChoice& row) {
  const auto count = static_cast<std::int64_t>(raw.size());
  const SamplingParams& params = *row.params;
  Choice choice;
  kernels::SoftmaxRow softmax;  // at temperature 1
  if (is_greedy(params)) {
    choice = {most_likely(changed, row), 1};
    softmax = kernels::softmax_row(raw.data(), nullptr, count, 1);
  } else {
    const bool same = params.temperature == 1 && raw.data() == changed.data();
    softmax = kernels::softmax_row(raw.data(), same ? weights.data() : nullptr, count, 1);
    const auto scale = static_cast<float>(1 / params.temperature);
    if (!same) { kernels::softmax_row(changed.data(), weights.data(), count, scale); }
    choice = draw(weights, row);
  }
  const double logp = log_prob(raw[static_cast<std::size_t>(choice.token)], softmax);
  check_logp(logp);
  const auto plain = static_cast<float>(logp);
  return {choice.token, plain, is_plain(row) ? plain : static_cast<float>(std::log(choice.share))};
}

}  // namespace

double token_uniform(const SamplingParams& params, std::int64_t id, std::uint64_t sample,
                     std::int64_t position) {
  static const std::uint64_t kStream = stream_id("generate");
  const std::uint64_t key = random_bits(kStream, static_cast<std::uint64_t>(id), sample);
  return uniform01(random_bits(params.seed, key, static_cast<std::uint64_t>(position)));
}

std::vector<Draw> draw_tokens(const at::Tensor& logits, const std::vector<RowChoice>& rows) {
  const at::NoGradGuard no_grad;
  check(logits.dim() == 2 && logits.size(0) == static_cast<std::int64_t>(rows.size()),
        "draw_tokens: one choice a row of logits");
  const at::Tensor raw = logits.contiguous();
  const at::Tensor changed = penalised(raw, rows);
  const auto vocabulary = static_cast<std::size_t>(logits.size(1));
  const float *raw_data = raw.const_data_ptr<float>(), *changed_data = changed.const_data_ptr<float>();
  std::vector<Draw> out(rows.size());
  at::parallel_for(0, logits.size(0), 1 + kGrain / logits.size(1), [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> weights(vocabulary);
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      const std::size_t at = i * vocabulary;
      out[i] = draw_row({raw_data + at, vocabulary}, {changed_data + at, vocabulary}, weights, rows[i]);
    }
  });
  return out;
}

}  // namespace una::generate
