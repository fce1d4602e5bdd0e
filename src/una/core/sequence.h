#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "una/core/example.h"

namespace una {

// One prompt with one answer as token ids. The ids are authoritative: text is never tokenised again.
struct Sequence {
  std::vector<std::int32_t> ids;
  // [ids.size()]; 1: the log-prob of this token, given those before it, is in the loss.
  std::vector<std::uint8_t> loss_mask;
  double target = 0;     // target of the loss: pair 1 chosen / 0 rejected, label 1/0, score in [0, 1], SFT 1
  double raw_score = 0;  // reward in its own unit where there is one, else target
  double answer_weight = 1;  // of its own loss terms; 0: counts in its group's baseline only
  Sampler sampler = Sampler::kUnknown;
  RefRewards ref_rewards;
  std::map<std::string, std::vector<float>> columns;  // "ref_logp", ...: one value, or one per loss token

  std::int64_t loss_tokens() const;
  std::int64_t prompt_tokens() const;  // tokens before the first loss token
  void check() const;                  // InternalError on a broken invariant (sizes, first token in the mask)
};

// One tokenised row: the unit of the seeded permutation. A pair holds {chosen, rejected}.
struct Row {
  Where where;
  Unit unit = Unit::kSft;
  std::int64_t index = 0;      // position in the data set, before shuffling
  std::int32_t source = 0;     // index into the data set's list of sources
  std::uint64_t group_id = 0;  // equal for rows with the same prompt
  double weight = 1;
  double margin = 0;  // pairs: explicit margin, else score gap where scores are given, else 0
  bool has_margin = false;
  std::vector<Sequence> sequences;

  std::int64_t tokens() const;
};

}  // namespace una
