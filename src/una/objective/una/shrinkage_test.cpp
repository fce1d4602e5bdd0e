#include "una/objective/una/shrinkage.h"

#include <cmath>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/rng.h"
#include "una/objective/testing.h"

namespace una::objective {
namespace {

using testing::Answer;
using testing::Batch;
using testing::loss_of;
using testing::Outcome;
using testing::run;

ObjectiveOptions shrunk(const std::string& lambda, const std::string& link = "identity") {
  ObjectiveOptions options;
  options.una_link = link;
  options.una_f = "shrunk";
  options.una_lambda = lambda;
  return options;
}

// Groups of `k` answers with random log-ratios and scores.
Batch groups(std::size_t count, std::int32_t k, Unit unit = Unit::kGroup, std::uint64_t seed = 1) {
  Rng rng(seed, stream_id("shrinkage test"));
  Batch batch;
  for (std::size_t g = 0; g < count; ++g) {
    for (std::int32_t i = 0; i < k; ++i) {
      const double delta = 8 * rng.uniform() - 4;
      batch.add(unit, unit == Unit::kGroup ? i : 0, {delta - 20, -20}, rng.uniform());
    }
  }
  return batch;
}

TEST(Shrinkage, IsTheWeightedSumOfCentringAndPointwise) {
  for (const double lambda : {.865, .451, .189}) {
    const Outcome native = run("una", shrunk(cat(lambda)), groups(5, 2));
    // The same groups twice, as groups and answer by answer.
    Batch both = groups(5, 2);
    const Batch points = groups(5, 2, Unit::kScore);
    for (SequenceMeta meta : points.sequences) {
      meta.row += both.rows;
      meta.logp_begin += static_cast<std::int64_t>(both.logp.size());
      meta.logp_end += static_cast<std::int64_t>(both.logp.size());
      both.sequences.push_back(meta);
    }
    both.logp.insert(both.logp.end(), points.logp.begin(), points.logp.end());
    both.ref.insert(both.ref.end(), points.ref.begin(), points.ref.end());
    const ObjectiveOptions emulation{.una_link = "identity",
                                     .una_f = "group",
                                     .loss_weights = cat("group=", 1 - lambda, ",score=", 2 * lambda)};
    const Outcome weighted = run("una", emulation, both);
    EXPECT_NEAR(native.loss, weighted.loss, 1e-6);
    for (std::size_t s = 0; s < 10; ++s) {
      EXPECT_NEAR(native.slope[s], weighted.slope[s] + weighted.slope[s + 10], 1e-7) << lambda << " " << s;
    }
  }
}

TEST(Shrinkage, LambdaZeroIsCentringToTheBit) {
  for (const std::string link : {"identity", "sigmoid"}) {
    ObjectiveOptions group = shrunk("0", link);
    group.una_f = "group";
    const Outcome a = run("una", shrunk("0", link), groups(4, 3)), b = run("una", group, groups(4, 3));
    EXPECT_EQ(a.loss, b.loss);
    EXPECT_EQ(a.slope, b.slope);
  }
}

TEST(Shrinkage, LambdaOneIsPointwiseAboutTheRunningMean) {
  const auto una = make_objective("una", shrunk("1"));
  una->end_step(run(*una, groups(4, 3)).metrics);
  const double m = run(*una, groups(3, 1, Unit::kScore)).metrics.means().at("una/offset");
  EXPECT_GT(std::abs(m), .01);
  const Outcome native = run(*una, groups(4, 3, Unit::kGroup, 2));
  const ObjectiveOptions constant{.una_link = "identity", .una_f = "constant", .una_constant = m};
  const Outcome points = run("una", constant, groups(4, 3, Unit::kScore, 2));
  EXPECT_NEAR(native.loss, 1.5 * points.loss, 1e-9);  // k / (k - 1)
  for (std::size_t s = 0; s < 12; ++s) { EXPECT_NEAR(native.slope[s], 1.5 * points.slope[s], 1e-7); }
}

TEST(Shrinkage, LargerGroupsTrustTheirOwnMeanMore) {
  const Shrinkage half(shrunk("0.5"));
  EXPECT_DOUBLE_EQ(half.lambda(2), .5);
  EXPECT_DOUBLE_EQ(half.lambda(1), 1 / 1.5);
  EXPECT_DOUBLE_EQ(half.lambda(8), 1 / 5.0);
  EXPECT_EQ(Shrinkage(shrunk("0")).lambda(1), 0);
  EXPECT_EQ(Shrinkage(shrunk("1")).lambda(100), 1);
}

TEST(Shrinkage, AnAnswerAloneIsFittedAboutTheMeanWithWhatItTells) {
  const auto una = make_objective("una", shrunk("0.5"));
  const Outcome alone = run(*una, groups(4, 1, Unit::kScore));
  const Outcome plain = run("una", {.una_link = "identity", .una_f = "zero"}, groups(4, 1, Unit::kScore));
  for (std::size_t s = 0; s < 4; ++s) { EXPECT_NEAR(alone.slope[s], plain.slope[s] / 1.5, 1e-8); }
}

TEST(Shrinkage, GroupsOfAnySizeAndAnswersAloneShareABatch) {
  const auto una = make_objective("una", shrunk("0.5"));
  Batch batch = groups(2, 3);
  batch.add(Unit::kScore, 0, {-19, -20}, .7);
  batch.add(Unit::kGroup, 0, {-19, -20}, .7);
  batch.add(Unit::kGroup, 1, {-22, -20}, .2);
  const Outcome outcome = run(*una, batch);
  EXPECT_EQ(outcome.counts, (std::vector<double>{0, 0, 1, 3, 0}));
  // The last group by hand: e = t - .1 Delta = .6, .4; f = .25 with m = 0.
  const double scale = una->weights(outcome.counts)[3] / 3;
  EXPECT_NEAR(outcome.slope[7], -.1 * 2 * (.6 - .25) * scale, 1e-8);
  EXPECT_NEAR(outcome.slope[8], -.1 * 2 * (.4 - .25) * scale, 1e-8);
}

TEST(Shrinkage, TheSigmoidLinkFitsProbabilitiesUnderTheShrunkLogit) {
  const auto una = make_objective("una", shrunk("0.5", "sigmoid"));
  Batch batch;
  batch.add(Unit::kGroup, 0, {-18, -20}, .9);
  batch.add(Unit::kGroup, 1, {-21, -20}, .4);
  const double f = .5 * ((std::log(9.) - .2) + (std::log(.4 / .6) + .1)) / 2;
  const auto s = [](double u) { return 1 / (1 + std::exp(-u)); };
  const Outcome outcome = run(*una, batch);
  EXPECT_NEAR(outcome.loss, std::pow(s(.2 + f) - .9, 2) + std::pow(s(-.1 + f) - .4, 2), 1e-12);
  const double a = s(.2 + f);
  EXPECT_NEAR(outcome.slope[0], .1 * 2 * (a - .9) * a * (1 - a), 1e-8);
}

TEST(Shrinkage, TheHeadThatIsTheMeanHasTheGradientOfTheLoss) {
  ObjectiveOptions options = shrunk("0.4");
  options.una_f_mean = "value_head";
  const auto una = make_objective("una", options);
  EXPECT_TRUE(una->needs().value);
  Batch batch = groups(3, 2);
  batch.add(Unit::kScore, 0, {-19, -20}, .7);
  // V(x): one number a prompt.
  batch.value = {.3, .3, -.2, -.2, .5, .5, .1};
  const Outcome outcome = run(*una, batch);
  const std::vector<std::vector<std::size_t>> prompts = {{0, 1}, {2, 3}, {4, 5}, {6}};
  for (const std::vector<std::size_t>& prompt : prompts) {
    Batch up = batch, down = batch;
    double slope = 0;
    for (const std::size_t s : prompt) {
      up.value[s] += 1e-5;
      down.value[s] -= 1e-5;
      slope += outcome.value_slope[s];
    }
    EXPECT_NEAR(slope, (loss_of(*una, up) - loss_of(*una, down)) / 2e-5, 1e-7);
  }
}

// 400 groups of 2 with prompts of the spread tau and noise of the spread sigma.
void feed(Objective& una, double tau, double sigma) {
  Rng rng(7, stream_id("shrinkage moments"));
  Batch batch;
  for (int g = 0; g < 400; ++g) {
    const double prompt = .4 + tau * rng.normal();
    for (std::int32_t i = 0; i < 2; ++i) {
      batch.add(Unit::kGroup, i, {-20, -20}, prompt + sigma * rng.normal());
    }
  }
  for (int step = 0; step < 2; ++step) { una.end_step(run(una, batch).metrics); }  // m first, then about it
}

TEST(Shrinkage, RemlFindsTheRatioOfTheVariances) {
  for (const auto& [tau, sigma] : std::vector<std::pair<double, double>>{{.3, .3}, {.6, .3}, {0, .3}}) {
    const auto una = make_objective("una", shrunk("reml"));
    feed(*una, tau, sigma);
    const double lambda = run(*una, groups(1, 2)).metrics.means().at("una/lambda");
    EXPECT_NEAR(lambda, 1 / (1 + 2 * tau * tau / (sigma * sigma)), .07) << tau;
  }
}

TEST(Shrinkage, TheLogTellsTheShareOfThePrompts) {
  const auto una = make_objective("una", shrunk("reml"));
  Batch batch;
  for (const double prompt : {0., 2.}) {
    for (std::int32_t i = 0; i < 2; ++i) { batch.add(Unit::kGroup, i, {-20, -20}, prompt + i); }
  }
  // Inside .5 each, one degree of freedom: sigma^2 .5. Means .5 and 2.5: 1 - .25.
  EXPECT_NEAR(una->derived(run(*una, batch).metrics).at("una/prompt_share"), .75 / 1.25, 1e-12);
}

TEST(Shrinkage, TheStateIsEverythingThatARunKeeps) {
  for (const std::string rule : {"auto", "reml"}) {
    const auto una = make_objective("una", shrunk(rule)), other = make_objective("una", shrunk(rule));
    feed(*una, .3, .3);
    if (rule == "auto") {
      EXPECT_TRUE(una->needs().pilot);
      EXPECT_EQ(una->pilot_rewards(groups(1, 2).sequences).size(), 2U);
      una->set_prompt_ratio(.37);
    }
    other->load_state(Json::parse(una->state().dump()));
    const Outcome a = run(*una, groups(3, 2)), b = run(*other, groups(3, 2));
    EXPECT_EQ(a.loss, b.loss);
    EXPECT_EQ(a.slope, b.slope);
    una->end_step(a.metrics);
    other->end_step(b.metrics);
    EXPECT_EQ(una->state(), other->state());
  }
  EXPECT_THROW(make_objective("una", shrunk("auto"))->load_state(Json{{"shrunk", 3}}), InputError);
}

TEST(Shrinkage, AWrongLambdaIsNamed) {
  for (const std::string text : {"1.5", "-1", "much", "", ".5x", "nan"}) {
    EXPECT_THROW(make_objective("una", shrunk(text)), InputError) << text;
  }
  ObjectiveOptions options = shrunk("auto");
  options.una_f_mean = "head";
  EXPECT_THROW(make_objective("una", options), InputError);
}

// The toy of docs/objectives.md, "f(x) by shrinkage": rewards linear in 20 features, prompts with offsets; answers are
// fitted by the objective itself. Returns the correlation of the fit with the true reward.
double toy_rho(const std::string& f, const std::string& lambda, double tau, double sigma,
               std::uint64_t seed) {
  constexpr std::size_t kFeatures = 20, kPrompts = 60;
  Rng rng(seed, stream_id("shrinkage toy"));
  std::vector<double> truth(kFeatures), fit(kFeatures, 0);
  for (double& w : truth) { w = rng.normal() / std::sqrt(static_cast<double>(kFeatures)); }
  std::vector<std::vector<double>> features;
  Batch batch;
  for (std::size_t p = 0; p < kPrompts; ++p) {
    const double prompt = tau * rng.normal();
    for (std::int32_t i = 0; i < 2; ++i) {
      double reward = prompt + sigma * rng.normal();
      features.emplace_back();
      for (const double w : truth) {
        features.back().push_back(rng.normal());
        reward += w * features.back().back();
      }
      batch.add(f == "constant" ? Unit::kScore : Unit::kGroup, f == "constant" ? 0 : i, {0, 0, 1}, reward);
    }
  }
  ObjectiveOptions options = shrunk(lambda);
  options.beta = 1;
  options.una_f = f;
  const auto una = make_objective("una", options);
  for (int step = 0; step < 80; ++step) {
    for (std::size_t s = 0; s < features.size(); ++s) {
      double delta = 0;
      for (std::size_t d = 0; d < kFeatures; ++d) { delta += fit[d] * features[s][d]; }
      batch.logp[s] = delta;
    }
    const Outcome outcome = run(*una, batch);
    const double rate = f == "constant" ? .2 : .1;
    for (std::size_t s = 0; s < features.size(); ++s) {
      for (std::size_t d = 0; d < kFeatures; ++d) { fit[d] -= rate * outcome.slope[s] * features[s][d]; }
    }
    una->end_step(outcome.metrics);
  }
  double both = 0, a = 0, b = 0;
  for (std::size_t d = 0; d < kFeatures; ++d) {
    both += fit[d] * truth[d];
    a += fit[d] * fit[d];
    b += truth[d] * truth[d];
  }
  return both / std::sqrt(a * b);
}

TEST(Shrinkage, InTheToyItIsAheadOfCentringAndOfPointwise) {
  const auto mean = [](const std::string& f, const std::string& lambda, double tau) {
    double sum = 0;
    for (std::uint64_t seed = 1; seed <= 5; ++seed) { sum += toy_rho(f, lambda, tau, 1, seed) / 5; }
    return sum;
  };
  const double group = mean("group", "auto", 1), point = mean("constant", "auto", 1),
               both = mean("shrunk", "reml", 1);
  EXPECT_GT(both, group + .003);
  EXPECT_GT(both, point + .003);
  EXPECT_GT(mean("shrunk", "reml", .2), mean("group", "auto", .2) + .01)
      << "no offsets to speak of: pointwise wins";
}

}  // namespace
}  // namespace una::objective
