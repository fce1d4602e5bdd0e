// Rounds on a world of forty answers: what ends them early, what is drawn again, what a checkpoint must know.
#include "una/online/round_source.h"

#include <cmath>
#include <optional>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/dist/gang.h"
#include "una/kernels/standin_device_testing.h"
#include "una/online/bandit_world.h"
#include "una/online/round_metrics.h"

namespace una::online {
namespace {

constexpr std::int64_t kPrompts = 4;

// 1 for about half of the answers, else 0; or one number for all.
class Halves final : public reward::Reward {
 public:
  explicit Halves(std::optional<double> constant = std::nullopt) : constant_(constant) {}
  std::vector<reward::Verdict> score(const std::vector<reward::Question>& questions) override {
    std::vector<reward::Verdict> out;
    for (const reward::Question& question : questions) {
      int sum = 0;
      for (const char letter : question.answer.plain) { sum = 3 * sum + letter; }
      out.push_back({.score = constant_.value_or(sum / 2 % 2), .failure = {}});
    }
    return out;
  }
  std::string description() const override { return "halves"; }

 private:
  std::optional<double> constant_;
};

Method method_of(const std::string& objective) {
  if (objective == "rloo") { return Method::kRloo; }
  return objective == "ppo" ? Method::kPpo : Method::kUna;
}

struct Bench {
  explicit Bench(const std::string& name, const objective::ObjectiveOptions& objective_options = {},
                 train::StepOptions step_options = {}, at::Device device = at::kCPU)
      : model(world.make_model(false, device)) {
    LoraSpec lora;
    lora.r = 4;
    lora.target_modules = {"all-linear"};
    const model::AdapterId policy = model->add_adapter(lora, 3, true);
    loss = objective::make_objective(name == "una_online" ? "una" : name, objective_options);
    train::TrainableSet set{
        .model = model.get(), .policy = policy, .objective = loss.get(), .reference = &reference};
    if (loss->needs().token_values) {
      set.critic = model->add_adapter(lora, 4, true);
      model->add_reward_head(5);
    }
    runner.emplace(set, step_options, gang);
    parts.set = &runner->set();
    parts.reward = &reward;
    parts.tokenizer = &world.tokenizer();
    parts.prompts = &world.prompts();
    parts.options.num_generations = 2;
    parts.sampling = {.max_new_tokens = BanditWorld::kLongest, .seed = 11, .stop_ids = {0}};
    parts.method = method_of(name);
    parts.beta = objective_options.beta;
  }
  MetricSums step(RoundSource& source, double learning_rate) {
    const StepBatch batch = source.next();
    train::StepResult result = runner->step(batch, source.position().step, learning_rate);
    EXPECT_EQ(result.trouble, "");
    source.end_step(result.verdict, result.metrics);
    result.metrics.merge(batch.metrics);
    return result.metrics;
  }
  at::Tensor values() { return runner->buffer().values().clone(); }

  BanditWorld world{kPrompts, 7};
  std::unique_ptr<model::Model> model;
  train::Reference reference{*model, model::kNoAdapter, "base", ""};
  std::unique_ptr<objective::Objective> loss;
  dist::SoloGang gang;
  std::optional<train::StepRunner> runner;
  Halves reward;
  RoundParts parts;
};

std::vector<std::int64_t> all_prompts() { return {0, 1, 2, 3}; }

TEST(RoundSource, ARoundGoesThroughItsPasses) {
  Bench bench("rloo");
  bench.parts.options.num_iterations = 3;
  RoundSource source(bench.parts, kPrompts, 1);
  for (int step = 0; step < 3; ++step) {
    EXPECT_EQ(source.resumable(), step == 0);
    const MetricSums metrics = bench.step(source, 1e-3);
    EXPECT_EQ(metrics.sum("steps_withheld"), 0);
    EXPECT_EQ(metrics.count("steps_a_round"), step == 2 ? 1 : 0);
    EXPECT_EQ(metrics.count("time/train"), 1);
    EXPECT_EQ(metrics.means().at("episode"), kPrompts * 2) << "answers of the round under way";
    EXPECT_GT(metrics.sum("eps"), 0);
  }
  EXPECT_EQ(bench.step(source, 1e-3).means().at("episode"), kPrompts * 4);
}

TEST(RoundSource, AnotherDeviceTakesTheSameSteps) {
  for (const std::string method : {"rloo", "una_online", "ppo"}) {
    Bench here(method), far(method, {}, {}, kernels::testing::far_device());
    RoundSource near_source(here.parts, kPrompts, 1), far_source(far.parts, kPrompts, 1);
    for (int step = 0; step < 2; ++step) {
      const MetricSums a = here.step(near_source, 1e-3), b = far.step(far_source, 1e-3);
      EXPECT_EQ(b.means().at("reward"), a.means().at("reward")) << method;
    }
    EXPECT_LT((far.values().cpu() - here.values()).abs().max().item<double>(), 1e-4) << method;
  }
}

// The same opinion from afar: it is asked on another thread, while the rest is sampled.
class Waiting final : public reward::Reward {
 public:
  std::vector<reward::Verdict> score(const std::vector<reward::Question>& questions) override {
    asked += questions.size();
    return halves_.score(questions);
  }
  std::string description() const override { return "waiting"; }
  bool waits() const override { return true; }
  std::size_t asked = 0;

 private:
  Halves halves_;
};

TEST(RoundSource, ARewardThatIsAskedWhileOthersAreSampledSaysTheSame) {
  Bench here("rloo"), afar("rloo");
  Waiting waiting;
  afar.parts.reward = &waiting;
  for (Bench* bench : {&here, &afar}) { bench->parts.options.generation_batch_size = 3; }
  const Round a = make_round(here.parts, all_prompts(), 5), b = make_round(afar.parts, all_prompts(), 5);
  EXPECT_EQ(waiting.asked, 8U);
  double sum = 0;
  for (std::size_t g = 0; g < a.groups.size(); ++g) {
    for (std::size_t i = 0; i < a.groups[g].answers.size(); ++i) {
      EXPECT_EQ(a.groups[g].answers[i].text, b.groups[g].answers[i].text);
      EXPECT_EQ(a.groups[g].answers[i].reward, b.groups[g].answers[i].reward);
      EXPECT_TRUE(b.groups[g].answers[i].scored);
      sum += a.groups[g].answers[i].reward;
    }
  }
  EXPECT_GT(sum, 0);
}

// The model here as if it were a server: it loses answers, and log-probs where it is told.
class Lossy final : public rollout::AnswerSource {
 public:
  Lossy(std::unique_ptr<rollout::AnswerSource> whole, bool gives_logps)
      : whole_(std::move(whole)), gives_logps_(gives_logps) {}
  std::vector<rollout::Group> sample(const std::vector<rollout::Prompt>& prompts,
                                     const std::vector<std::int64_t>& indices,
                                     const rollout::SampleOptions& options, std::uint64_t key) override {
    std::vector<rollout::Group> groups = whole_->sample(prompts, indices, options, key);
    for (rollout::Group& group : groups) {
      group.remote = true;
      if (group.index > 1) { continue; }
      group.answers.resize(static_cast<std::size_t>(group.index));  // of the prompts 0 and 1
      group.failures.assign(2 - group.answers.size(), "time-out");
    }
    rollout::Answer& last = groups.back().index > 1 ? groups.back().answers[0] : groups.front().answers[0];
    last.retokenised = !gives_logps_;
    if (!gives_logps_) { last.sampled_logps.clear(); }
    return groups;
  }

 private:
  std::unique_ptr<rollout::AnswerSource> whole_;
  bool gives_logps_;
};

TEST(RoundSource, AServerSMissingAnswersLeaveAndAreCounted) {
  for (const bool gives_logps : {true, false}) {
    Bench bench("rloo");
    Lossy lossy(rollout::make_model_source(*bench.model, bench.parts.set->policy, bench.parts.tokenizer),
                gives_logps);
    bench.parts.answers = &lossy;
    const Round round = make_round(bench.parts, all_prompts(), 5);
    EXPECT_EQ(round.metrics.sum("sampling/failed_ratio"), 3);
    EXPECT_EQ(round.metrics.count("sampling/failed_ratio"), 8);
    EXPECT_EQ(round.metrics.sum("sampling/retokenised_ratio"), gives_logps ? 0 : 1);
    EXPECT_EQ(round.metrics.count("reward"), 5);
    EXPECT_EQ(round.metrics.sum("groups_left_out"), 2) << "none and a single answer have no group";
    ASSERT_EQ(round.rows.size(), 2U);
    for (const Row& row : round.rows) {
      for (const Sequence& sequence : row.sequences) {
        EXPECT_EQ(sequence.columns.count("sampler_logp"), gives_logps ? 1U : 0U) << "all of them or none";
      }
    }
    bench.parts.needs_sampler_logps = true;
    if (gives_logps) { continue; }
    EXPECT_THROW(make_round(bench.parts, all_prompts(), 5), InputError);
  }
}

TEST(RoundSource, ARoundEndsWhenThePolicyHasMovedTooFar) {
  objective::ObjectiveOptions options;
  options.kl_early_stop = 1e-6;
  Bench bench("rloo", options);
  bench.parts.options.num_iterations = 4;
  RoundSource source(bench.parts, kPrompts, 1);
  bench.step(source, 1e-2);
  EXPECT_FALSE(source.resumable());
  const at::Tensor before = bench.values();
  const MetricSums metrics = bench.step(source, 1e-2);
  EXPECT_TRUE(bench.values().equal(before)) << "the step that went too far is not taken";
  EXPECT_EQ(metrics.sum("steps_withheld"), 1);
  EXPECT_EQ(metrics.sum("steps_a_round"), 1);
  EXPECT_TRUE(source.resumable()) << "a checkpoint may be written";
  const MetricSums next = bench.step(source, 1e-2);
  EXPECT_EQ(next.count("reward"), 2 * kPrompts) << "new samples";
}

TEST(RoundSource, AStepOfRunawayRatiosIsSkippedAndTheRoundGoesOn) {
  objective::ObjectiveOptions options;
  options.una_link = "identity";
  options.una_clip = "none";
  options.ratio_threshold = 1.01;
  Bench bench("una_online", options);
  Halves high(10);  // far above beta Delta: every sampled answer is pushed up
  bench.parts.reward = &high;
  bench.parts.options.num_iterations = 3;
  RoundSource source(bench.parts, kPrompts, 1);
  bench.step(source, 1e-2);
  const at::Tensor before = bench.values();
  EXPECT_EQ(bench.step(source, 1e-2).sum("steps_withheld"), 1);
  EXPECT_TRUE(bench.values().equal(before));
  EXPECT_FALSE(source.resumable()) << "the third pass is still to come";
  EXPECT_EQ(bench.step(source, 1e-2).sum("steps_a_round"), 1);
}

TEST(RoundSource, TheSamplerSLogProbsAreTheTrainerSUpToRounding) {
  Bench bench("rloo");
  RoundSource source(bench.parts, kPrompts, 1);
  const auto means = bench.step(source, 1e-3).means();
  EXPECT_LT(means.at("sampling/sampling_logp_difference/max"), 1e-4);
  EXPECT_NEAR(means.at("sampling/importance_sampling_ratio/mean"), 1, 1e-4);
}

TEST(RoundSource, AnAdaptiveCoefficientMovesWithTheRoundSKlAndTravelsInCheckpoints) {
  objective::ObjectiveOptions options;
  options.beta = .1;
  Bench bench("ppo", options);
  bench.parts.options.kl_control = "adaptive";
  bench.parts.options.kl_horizon = 100;
  RoundSource source(bench.parts, kPrompts, 1);
  const auto first = bench.step(source, 1e-3).means();
  EXPECT_EQ(first.at("objective/kl_coef"), .1) << "the first round has the start value";
  EXPECT_NEAR(first.at("objective/kl"), 0, 1e-5) << "before the first step";
  const auto second = bench.step(source, 1e-3).means();
  // e is -.2: .1 * (1 - .2 * 8 answers / 100)
  EXPECT_NEAR(second.at("objective/kl_coef"), .1 * (1 - .2 * 8 / 100), 1e-12);
  RoundSource resumed(bench.parts, kPrompts, 1);
  resumed.load_state(parse_json(source.state().dump(), "state"));
  EXPECT_EQ(resumed.state(), source.state());
  EXPECT_NE(resumed.state().at("kl_coef").get<double>(), second.at("objective/kl_coef"));
}

TEST(RoundSource, PpoSPartsOfTheRewardAddUp) {
  objective::ObjectiveOptions options;
  options.beta = .5;
  Bench bench("ppo", options);
  RoundSource source(bench.parts, kPrompts, 1);
  bench.step(source, 3e-2);
  const auto means = bench.step(source, 3e-2).means();
  EXPECT_NE(means.at("objective/kl"), 0);
  EXPECT_NEAR(means.at("objective/non_score_reward"), -.5 * means.at("objective/kl"), 1e-6);
  EXPECT_NEAR(means.at("objective/rlhf_reward"),
              means.at("objective/scores") + means.at("objective/non_score_reward"), 1e-9);
  EXPECT_GT(means.at("objective/entropy"), 0);
}

TEST(RoundSource, TheCriticLearnsAloneFirstAndThePolicySFirstUpdateIsAdamSFirst) {
  Bench bench("ppo", {}, {.critic_rate = 2, .value_warmup_steps = 2});
  RoundSource source(bench.parts, kPrompts, 1);
  const auto& spans = bench.runner->buffer().spans();
  const auto largest_move = [&](const at::Tensor& before, bool critic) {
    double most = 0;
    for (const auto& span : spans) {
      if ((span.frozen_steps == 0) != critic) { continue; }
      const at::Tensor now = bench.runner->buffer().values().narrow(0, span.begin, span.size);
      most = std::max(most, (now - before.narrow(0, span.begin, span.size)).abs().max().item<double>());
    }
    return most;
  };
  for (int step = 0; step < 2; ++step) {
    const at::Tensor before = bench.values();
    bench.step(source, 1e-3);
    EXPECT_EQ(largest_move(before, false), 0) << "the policy waits";
    EXPECT_NEAR(largest_move(before, true), 2e-3, 2e-4) << "at its own rate";
  }
  const at::Tensor before = bench.values();
  bench.step(source, 1e-3);
  EXPECT_NEAR(largest_move(before, false), 1e-3, 1e-5) << "the learning rate, not AdamW's warm moments";
}

TEST(RoundSource, FlatGroupsAreDrawnAgainByKeys) {
  Bench bench("rloo");
  bench.parts.options.zero_variance = "drop";
  const Round dropped = make_round(bench.parts, all_prompts(), 5);
  bench.parts.options.zero_variance = "resample";
  bench.parts.options.resample_limit = 20;
  const Round round = make_round(bench.parts, all_prompts(), 5),
              again = make_round(bench.parts, all_prompts(), 5);
  ASSERT_LT(dropped.rows.size(), 4U) << "the case has flat groups";
  EXPECT_GT(round.rows.size(), dropped.rows.size());
  EXPECT_GT(round.metrics.sum("groups_resampled"), 0);
  EXPECT_EQ(round.metrics.means().at("reward"), dropped.metrics.means().at("reward"))
      << "the logged reward is that of the first draws";
  for (std::size_t g = 0; g < 4; ++g) {
    for (std::size_t a = 0; a < 2; ++a) {
      EXPECT_EQ(round.groups[g].answers[a].text, again.groups[g].answers[a].text);
    }
  }
}

TEST(RoundSource, ResamplingEndsAtItsLimit) {
  Bench bench("rloo");
  Halves constant(3);
  bench.parts.reward = &constant;
  bench.parts.options.zero_variance = "resample";
  bench.parts.options.resample_limit = 2;
  const Round round = make_round(bench.parts, all_prompts(), 5);
  EXPECT_EQ(round.metrics.sum("groups_resampled"), 2 * kPrompts);
  EXPECT_TRUE(round.rows.empty());
}

TEST(RoundSource, AConstantRewardIsNamedAsNoSignal) {
  for (const char* method : {"rloo", "ppo"}) {
    Bench bench(method);
    Halves constant(3);
    EXPECT_EQ(no_signal(make_round(bench.parts, all_prompts(), 5).groups, bench.parts), "") << method;
    bench.parts.reward = &constant;
    const std::string reason = no_signal(make_round(bench.parts, all_prompts(), 5).groups, bench.parts);
    EXPECT_NE(reason.find("no signal: the reward (halves) gave every answer of a round 3"), std::string::npos)
        << reason;
  }
}

TEST(RoundSource, RanksAreAmongTheReferenceSOwnAnswersWheneverTheyAreAskedFor) {
  objective::ObjectiveOptions options;
  options.una_link = "identity";
  options.una_f = "quantile";
  Bench bench("una_online", options);
  RoundSource source(bench.parts, 2, 1, true), late(bench.parts, 2, 1, true);
  for (int step = 0; step < 4; ++step) { bench.step(source, 1e-2); }
  ASSERT_EQ(source.reference_rewards().size(), 4U);
  late.seek({2, 1, 0});
  late.next();
  for (const auto& [prompt, rewards] : late.reference_rewards()) {
    EXPECT_EQ(rewards.raw.size(), 8U);
    EXPECT_EQ(rewards.raw, source.reference_rewards().at(prompt).raw)
        << "the policy has moved, they have not";
  }
}

}  // namespace
}  // namespace una::online
