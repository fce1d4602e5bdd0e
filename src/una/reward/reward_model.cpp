#include "una/reward/reward_model.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <ATen/ops/tensor.h>
#include <c10/core/GradMode.h>

#include "una/base/error.h"
#include "una/base/format.h"

namespace una::reward {
namespace {

using Sequences = std::vector<std::vector<std::int32_t>>;

// Sequences [begin, end) laid end to end.
PackedBatch pack(const Sequences& sequences, std::size_t begin, std::size_t end) {
  PackedBatch batch;
  std::vector<std::int64_t> tokens, positions, last;
  for (std::size_t s = begin; s < end; ++s) {
    const auto first = static_cast<std::int32_t>(tokens.size());
    for (std::size_t i = 0; i < sequences[s].size(); ++i) {
      tokens.push_back(sequences[s][i]);
      positions.push_back(static_cast<std::int64_t>(i));
    }
    const auto stop = static_cast<std::int32_t>(tokens.size());
    batch.segments.push_back({first, stop, {{first, stop}}});
    last.push_back(stop - 1);
  }
  batch.tokens = at::tensor(tokens, at::kLong);
  batch.positions = at::tensor(positions, at::kLong);
  batch.last_rows = at::tensor(last, at::kLong);
  batch.sequences.resize(end - begin);
  return batch;
}

}  // namespace

RewardModel::RewardModel(model::Model& model, model::AdapterId adapter, RewardText text,
                         RewardModelOptions options)
    : model_(model), adapter_(adapter), text_(std::move(text)), options_(std::move(options)) {
  check(model.has_reward_head(), "RewardModel: the model has no reward head");
  check(options_.token_budget > 0, "RewardModel: token_budget must be positive");
}

std::string RewardModel::description() const {
  const char* dtype = model_.dtype() == at::kBFloat16 ? "bfloat16" : "float32";
  return cat("reward model", options_.name.empty() ? "" : " in " + options_.name, " (",
             model_.spec().architecture, ", ", dtype, ", score in float32)");
}

std::int64_t RewardModel::limit() const {
  const std::int64_t positions = model_.spec().max_positions;
  if (options_.max_length == 0) { return positions; }
  return positions == 0 ? options_.max_length : std::min(options_.max_length, positions);
}

std::vector<double> RewardModel::score_ids(const Sequences& sequences) {
  const c10::AutoGradMode no_grad(false);
  std::vector<double> out;
  out.reserve(sequences.size());
  for (std::size_t begin = 0; begin < sequences.size();) {
    std::size_t end = begin;
    std::int64_t tokens = 0;
    while (end < sequences.size()) {
      const std::int64_t own = std::ssize(sequences[end]);
      check(own > 0, "RewardModel: an empty sequence");
      if (end > begin && tokens + own > options_.token_budget) { break; }
      tokens += own;
      ++end;
    }
    const PackedBatch batch = pack(sequences, begin, end);
    const at::Tensor scores =
        model_.forward(batch, {.logp = false, .score = true}, {.adapter = adapter_}).score.to(at::kDouble);
    const auto* values = scores.const_data_ptr<double>();
    out.insert(out.end(), values, values + scores.numel());
    begin = end;
  }
  return out;
}

std::vector<Verdict> RewardModel::score(const std::vector<Question>& questions) {
  std::vector<Verdict> verdicts(questions.size());
  Sequences sequences;
  std::vector<std::size_t> owners;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    std::vector<std::int32_t> ids;
    try {
      ids = text_.ids(questions[i]);
    } catch (const InputError& error) {
      verdicts[i].failure = error.what();
      continue;
    }
    verdicts[i].tokens = std::ssize(ids);
    if (ids.empty()) {
      verdicts[i].failure = "prompt and answer have no token";
    } else if (limit() > 0 && std::ssize(ids) > limit()) {
      verdicts[i].failure = cat(ids.size(), " tokens, more than the ", limit(), " that are read");
    } else {
      sequences.push_back(std::move(ids));
      owners.push_back(i);
    }
  }
  const std::vector<double> scores = score_ids(sequences);
  for (std::size_t k = 0; k < owners.size(); ++k) {
    Verdict& verdict = verdicts[owners[k]];
    if (std::isfinite(scores[k])) {
      verdict.score = scores[k];
    } else {
      verdict.failure = "the score is not a finite number";
    }
  }
  return verdicts;
}

}  // namespace una::reward
