#include "una/reward/reward_model.h"

#include <ATen/Parallel.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/mv.h>
#include <ATen/ops/tensor.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/reward/reward_testing.h"

namespace una::reward {
namespace {

struct Bench {
  explicit Bench(RewardModelOptions options = {}, at::ScalarType dtype = at::kFloat)
      : model(reward_spec(words.tokenizer.size()), 3, {.dtype = dtype}),
        reward(model, model::kNoAdapter, words.text(text::BosRule::kTemplate), std::move(options)) {
    at::set_num_threads(1);
  }
  std::vector<double> scores(const std::vector<Question>& questions) {
    std::vector<double> out;
    for (const Verdict& verdict : reward.score(questions)) {
      EXPECT_EQ(verdict.failure, "");
      out.push_back(verdict.score.value_or(0));
    }
    return out;
  }
  Words words;
  model::Model model;
  RewardModel reward;
};

std::vector<Question> questions() {
  return {ask("how are you", "well"), ask("hello", "hello hello world, how are you, well, well"),
          ask("what", "no"), ask("hello world", "")};
}

TEST(RewardModel, TheScoreIsTheHeadAtTheLastTokenInFp32) {
  Bench bench;
  const std::vector<std::int32_t> ids = bench.words.text(text::BosRule::kTemplate).ids(questions()[0]);
  const auto length = std::ssize(ids);
  const at::Tensor tokens = at::tensor(std::vector<std::int64_t>(ids.begin(), ids.end()), at::kLong);
  const c10::AutoGradMode no_grad(false);
  const auto end = static_cast<std::int32_t>(length);
  const at::Tensor states = bench.model.hidden(tokens, at::arange(length), {{0, end, {{0, end}}}}, {});
  const at::Tensor head = bench.model.named_tensors().back().second;
  const double expected = states[length - 1].dot(head.squeeze(0)).item<double>();
  EXPECT_EQ(ids.back(), kEos);
  EXPECT_NEAR(bench.scores({questions()[0]})[0], expected, 1e-6);
}

TEST(RewardModel, ScoresDoNotDependOnTheBatchAndKeepTheOrder) {
  Bench alone({.token_budget = 1}), together({.token_budget = 100000}), some({.token_budget = 40});
  const std::vector<double> one = alone.scores(questions());
  const std::vector<double> all = together.scores(questions()), cut = some.scores(questions());
  ASSERT_EQ(one.size(), 4U);
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_NEAR(one[i], all[i], 1e-6);
    EXPECT_NEAR(one[i], cut[i], 1e-6);
    for (std::size_t j = 0; j < i; ++j) { EXPECT_GT(std::abs(one[i] - one[j]), 1e-4); }
  }
}

TEST(RewardModel, APadIdEqualToTheEndTokenChangesNothing) {
  Bench bench;
  ModelSpec spec = reward_spec(bench.words.tokenizer.size());
  spec.pad_id = kEos;
  model::Model padded(spec, 3, {});
  RewardModel reward(padded, model::kNoAdapter, bench.words.text(text::BosRule::kTemplate), {});
  const std::vector<double> expected = bench.scores(questions());
  const std::vector<Verdict> verdicts = reward.score(questions());
  for (std::size_t i = 0; i < expected.size(); ++i) { EXPECT_EQ(verdicts[i].score, expected[i]); }
}

TEST(RewardModel, AFailureIsNamedInItsPlaceAndIsNoScore) {
  Bench bench({.max_length = 12});
  std::vector<Question> asked = questions();
  asked[0] = ask(chat("system", "x"), chat("assistant", "y"));
  const std::vector<Verdict> verdicts = bench.reward.score(asked);
  EXPECT_FALSE(verdicts[0].score.has_value());
  EXPECT_NE(verdicts[0].failure.find("no system turn here"), std::string::npos);
  EXPECT_FALSE(verdicts[1].score.has_value());
  EXPECT_NE(verdicts[1].failure.find("more than the 12"), std::string::npos) << verdicts[1].failure;
  EXPECT_TRUE(verdicts[2].score.has_value());
  EXPECT_TRUE(verdicts[3].score.has_value());
  Bench plain;
  EXPECT_NEAR(verdicts[2].score.value_or(0), plain.scores({asked[2]})[0], 1e-6);
}

TEST(RewardModel, TheModelsOwnPositionsAreALimitToo) {
  Bench bench({.max_length = 1000});
  const std::string many(200, 'q');
  const std::vector<Verdict> verdicts = bench.reward.score({ask("hello", many)});
  EXPECT_NE(verdicts[0].failure.find("more than the 64"), std::string::npos) << verdicts[0].failure;
}

TEST(RewardModel, AScoreThatIsNotFiniteIsAFailure) {
  Bench bench;
  for (auto& [name, tensor] : bench.model.named_tensors()) {
    if (name == "score.weight") { tensor.fill_(std::numeric_limits<double>::infinity()); }
  }
  const std::vector<Verdict> verdicts = bench.reward.score({questions()[0]});
  EXPECT_FALSE(verdicts[0].score.has_value());
  EXPECT_NE(verdicts[0].failure.find("finite"), std::string::npos);
}

TEST(RewardModel, AnAdapterGivesItsOwnScores) {
  Bench bench;
  LoraSpec lora;
  lora.r = 2;
  lora.target_modules = {"all-linear"};
  const model::AdapterId adapter = bench.model.add_adapter(lora, 1, true);
  for (const auto& trained : bench.model.trainable()) {
    const c10::AutoGradMode no_grad(false);
    at::Tensor master = trained.master;
    master.fill_(0.1);
  }
  bench.model.refresh();
  RewardModel with(bench.model, adapter, bench.words.text(text::BosRule::kTemplate), {});
  EXPECT_GT(std::abs(with.score({questions()[0]})[0].score.value_or(0) - bench.scores({questions()[0]})[0]),
            1e-3);
}

TEST(RewardModel, ALanguageModelIsNoReward) {
  Bench bench;
  ModelSpec spec = reward_spec(bench.words.tokenizer.size());
  spec.num_labels = 0;
  spec.architecture = "LlamaForCausalLM";
  model::Model causal(spec, 3, {});
  EXPECT_THROW(RewardModel(causal, model::kNoAdapter, bench.words.text(text::BosRule::kTemplate), {}),
               InternalError);
}

}  // namespace
}  // namespace una::reward
