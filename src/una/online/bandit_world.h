#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "una/model/model.h"
#include "una/reward/reward.h"
#include "una/rollout/rollout.h"
#include "una/text/tokenizer.h"

namespace una::online {

// A world small enough to enumerate: a policy over four tokens (0 ends), answers of up to three, so 40
// answers to each prompt. A prompt is two tokens. The reward of an answer is normal, plus an offset of its
// prompt that is larger than what divides its answers. All of it follows from the seed.
class BanditWorld {
 public:
  static constexpr std::int64_t kLongest = 3;

  BanditWorld(std::int64_t prompts, std::uint64_t seed);

  // The network at its start, random; the reference keeps a copy. `trains`: every weight.
  std::unique_ptr<model::Model> make_model(bool trains = false, at::Device device = at::kCPU) const;
  const text::Tokenizer& tokenizer() const { return tokenizer_; }  // a b c and an end token
  const std::vector<rollout::Prompt>& prompts() const { return prompts_; }
  const std::vector<std::vector<std::int32_t>>& answers() const { return answers_; }
  double reward(std::size_t prompt, std::size_t answer) const { return rewards_[prompt][answer]; }
  // The number of an answer by its text; its end token is left out there, but an answer of fewer than three
  // words ended.
  std::size_t answer_of(const std::string& text) const;

  // log-probs of all answers, [prompt][answer].
  std::vector<std::vector<double>> logps(model::Model& model, model::AdapterId adapter) const;

 private:
  std::uint64_t seed_;
  text::Tokenizer tokenizer_;
  std::vector<rollout::Prompt> prompts_;
  std::vector<std::vector<std::int32_t>> answers_;
  std::vector<std::vector<double>> rewards_;
};

// The world's reward, less a number of its prompt.
class BanditReward final : public reward::Reward {
 public:
  BanditReward(const BanditWorld& world, std::vector<double> less) : world_(world), less_(std::move(less)) {}
  std::vector<reward::Verdict> score(const std::vector<reward::Question>& questions) override;
  std::string description() const override { return "bandit"; }

 private:
  const BanditWorld& world_;
  std::vector<double> less_;  // a prompt
};

}  // namespace una::online
