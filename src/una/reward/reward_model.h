#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "una/model/model.h"
#include "una/reward/reward.h"
#include "una/reward/reward_text.h"

namespace una::reward {

// How conversations are cut into forward passes.
struct RewardModelOptions {
  std::int64_t max_length = 0;       // longer conversations fail; 0: only the model's own limit holds
  std::int64_t token_budget = 4096;  // of one forward pass; a longer conversation goes alone
  std::string name;                  // the folder, for description()
};

// A sequence-classification model with one label: the fp32 score at the last real token of each conversation.
// Conversations are packed without padding, so a pad id plays no part: where config.json's pad_token_id is
// also the end token, transformers pools one token earlier than this.
class RewardModel final : public Reward {
 public:
  // `model` must have a reward head and outlive this; `adapter` may be model::kNoAdapter.
  RewardModel(model::Model& model, model::AdapterId adapter, RewardText text, RewardModelOptions options);

  std::vector<Verdict> score(const std::vector<Question>& questions) override;
  std::string description() const override;

  // The same for ids at hand; one score a sequence, in order. Sequences must not be empty.
  std::vector<double> score_ids(const std::vector<std::vector<std::int32_t>>& sequences);

 private:
  std::int64_t limit() const;  // tokens of the longest conversation that is read; 0: none

  model::Model& model_;
  model::AdapterId adapter_;
  RewardText text_;
  RewardModelOptions options_;
};

}  // namespace una::reward
