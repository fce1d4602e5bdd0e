#include "una/objective/una/likelihood.h"

#include <cmath>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/rng.h"
#include "una/objective/testing.h"

namespace una::objective {
namespace {

using testing::Batch;
using testing::Outcome;
using testing::run;

ObjectiveOptions joint(double label_noise = 0) {
  ObjectiveOptions options;
  options.una_link = "identity";
  options.una_mix = "likelihood";
  options.label_noise = label_noise;
  return options;
}

double normal_cdf(double z) { return .5 * std::erfc(-z / std::sqrt(2.0)); }

TEST(Likelihood, APairIsAProbitOfTheDifference) {
  const auto una = make_objective("una", joint(.2));
  Batch batch;
  batch.add_pair({-27, -30}, {-31, -30});  // beta Delta .3 and -.1
  una->observe(batch.sequences);
  const double z = .4 / (std::sqrt(2.0) * .2);
  const Outcome outcome = run(*una, batch);
  EXPECT_NEAR(outcome.loss, -std::log(normal_cdf(z)), 1e-12);
  const double hazard = std::exp(-z * z / 2) / std::sqrt(2 * M_PI) / normal_cdf(z);
  EXPECT_NEAR(outcome.slope[0], -.1 * hazard / (std::sqrt(2.0) * .2), 1e-7);
  EXPECT_NEAR(outcome.slope[1], .1 * hazard / (std::sqrt(2.0) * .2), 1e-7);
}

// Rows of scores whose law is sigma .1, m .5, tau .2 exactly: groups (m - tau - sigma/sqrt 2, ...).
void observe_scores(Objective& una, double sigma = .1, double m = .5, double tau = .2) {
  // Means at m -+ s, s^2 = tau^2 + sigma^2 / 2; inside distances of -+ sigma / sqrt 2.
  const double s = std::sqrt(tau * tau + sigma * sigma / 2), d = sigma / std::sqrt(2.0);
  for (const double mean : {m - s, m + s}) {
    Batch batch;
    batch.add(Unit::kGroup, 0, {-30, -30}, mean - d);
    batch.add(Unit::kGroup, 1, {-30, -30}, mean + d);
    una.observe(batch.sequences);
  }
}

// -log of the integral over V ~ N(m, tau^2) of f(V), by the trapezium rule.
template <class F>
double integral(double m, double tau, const F& log_likelihood) {
  double sum = 0;
  for (double z = -9; z <= 9; z += 1e-3) {
    sum += 1e-3 * std::exp(log_likelihood(m + tau * z) - z * z / 2) / std::sqrt(2 * M_PI);
  }
  return -std::log(sum);
}

TEST(Likelihood, ScoresOfAPromptAreTheIntegralOverItsOffset) {
  const auto una = make_objective("una", joint());
  observe_scores(*una);
  Batch batch;
  batch.add(Unit::kGroup, 0, {-27, -30}, .9);
  batch.add(Unit::kGroup, 1, {-31, -30}, .2);
  batch.add(Unit::kGroup, 2, {-30, -30}, .4);
  const std::vector<double> e = {.9 - .3, .2 + .1, .4};
  const double expected = integral(.5, .2, [&](double v) {
    double log_likelihood = 0;
    for (const double x : e) {
      log_likelihood -= .5 * std::pow((x - v) / .1, 2) + std::log(.1 * std::sqrt(2 * M_PI));
    }
    return log_likelihood;
  });
  EXPECT_EQ(run(*una, batch).counts[3], 3);
  EXPECT_NEAR(run(*una, batch).sums[3], expected, 1e-6);
  Batch single;
  single.add(Unit::kScore, 0, {-27, -30}, .9);
  EXPECT_NEAR(run(*una, single).loss, .5 * std::pow((.6 - .5), 2) / .05 + .5 * std::log(2 * M_PI * .05),
              1e-9);
}

TEST(Likelihood, ThumbsOfAPromptAreTheIntegralOverItsOffset) {
  const auto una = make_objective("una", joint(.3));
  observe_scores(*una);
  Batch batch;
  batch.add(Unit::kGroup, 0, {-27, -30}, 1);
  batch.add(Unit::kGroup, 1, {-31, -30}, 0);
  una->observe(batch.sequences);  // half are up: the threshold begins at m
  const double expected = integral(0, .2, [](double v) {
    return std::log(normal_cdf((.3 + v) / .3)) + std::log(normal_cdf(-(-.1 + v) / .3));
  });
  EXPECT_NEAR(run(*una, batch).sums[3], expected, 1e-6);
}

// Kinds of feedback on one world: a = .1 Delta + V, V ~ N(.5, .3^2), Delta given, noise of each kind. `una` sees the
// true Delta, so that only the scales are left to learn.
struct Noise {
  double score = .17, pair = .15, thumb = .14;
};

Batch world(const Noise& noise, std::uint64_t seed) {
  Rng rng(seed, stream_id("likelihood world"));
  Batch batch;
  for (int p = 0; p < 900; ++p) {
    const double v = .5 + .3 * rng.normal();
    double delta[2], a[2];
    const double sigma = p % 3 == 0 ? noise.score : p % 3 == 1 ? noise.pair : noise.thumb;
    for (int i = 0; i < 2; ++i) {
      delta[i] = 2.5 * rng.normal();
      a[i] = .1 * delta[i] + v + sigma * rng.normal();
    }
    if (p % 3 == 0) {
      for (std::int32_t i = 0; i < 2; ++i) { batch.add(Unit::kGroup, i, {delta[i] - 30, -30, 1}, a[i]); }
    } else if (p % 3 == 1) {
      const int best = a[0] > a[1] ? 0 : 1;
      batch.add_pair({delta[best] - 30, -30, 1}, {delta[1 - best] - 30, -30, 1});
    } else {
      for (std::int32_t i = 0; i < 2; ++i) {
        batch.add(Unit::kGroup, i, {delta[i] - 30, -30, 1}, a[i] > .4 ? 1 : 0);
      }
    }
  }
  return batch;
}

void observe_all(Objective& una, const Batch& batch) {
  std::vector<SequenceMeta> row;
  for (std::size_t s = 0; s < batch.sequences.size(); ++s) {
    row.push_back(batch.sequences[s]);
    if (s + 1 == batch.sequences.size() || batch.sequences[s + 1].slot == 0) {
      una.observe(row);
      row.clear();
    }
  }
}

TEST(Likelihood, TheScalesOfEachKindAreLearntWhereThereAreScores) {
  for (const Noise& noise :
       {Noise{}, Noise{.score = .17, .pair = .5, .thumb = .15}, Noise{.score = .6, .pair = .15}}) {
    const auto una = make_objective("una", joint());
    const Batch batch = world(noise, 3);
    observe_all(*una, batch);
    for (int step = 0; step < 120; ++step) { una->end_step(run(*una, batch).metrics); }
    const auto means = run(*una, batch).metrics.means();
    EXPECT_NEAR(means.at("una/noise_scores"), noise.score, .1 * noise.score);
    EXPECT_NEAR(std::log(means.at("una/noise_pairs") / noise.pair), 0, .35);
    EXPECT_NEAR(std::log(means.at("una/noise_thumbs") / noise.thumb), 0, .6);
  }
}

TEST(Likelihood, StatedScalesStayWhereThereAreNoScores) {
  const auto una = make_objective("una", joint(.4));
  Batch batch;
  batch.add_pair({-27, -30}, {-31, -30});
  observe_all(*una, batch);
  for (int step = 0; step < 5; ++step) { una->end_step(run(*una, batch).metrics); }
  EXPECT_DOUBLE_EQ(run(*una, batch).metrics.means().at("una/noise_pairs"), .4);
}

TEST(Likelihood, WithoutScoresTheUnitMustBeStated) {
  const auto una = make_objective("una", joint());
  observe_all(*una, testing::pairs_a());
  EXPECT_THROW(una->begin_step(0, 0), InputError);
  const auto stated = make_objective("una", joint(.2));
  observe_all(*stated, testing::pairs_a());
  EXPECT_NO_THROW(stated->begin_step(0, 0));
}

TEST(Likelihood, ItsStateIsEverythingThatARunKeeps) {
  const auto una = make_objective("una", joint()), other = make_objective("una", joint());
  const Batch batch = world({}, 5);
  observe_all(*una, batch);
  for (int step = 0; step < 3; ++step) { una->end_step(run(*una, batch).metrics); }
  observe_all(*other, batch);
  other->load_state(Json::parse(una->state().dump()));
  const Outcome a = run(*una, batch), b = run(*other, batch);
  EXPECT_EQ(a.loss, b.loss);
  EXPECT_EQ(a.slope, b.slope);
  una->end_step(a.metrics);
  other->end_step(b.metrics);
  EXPECT_EQ(una->state(), other->state());
  EXPECT_THROW(other->load_state(Json{{"likelihood", Json{{"scores", Json{{"0", 1}}}}}}), InputError);
}

TEST(Likelihood, WhatItReplacesIsRefused) {
  const auto refused = [](void (*change)(ObjectiveOptions&)) {
    ObjectiveOptions options = joint();
    change(options);
    EXPECT_THROW(make_objective("una", options), InputError);
  };
  refused([](ObjectiveOptions& o) { o.una_link = "sigmoid"; });
  refused([](ObjectiveOptions& o) { o.una_f = "group"; });
  refused([](ObjectiveOptions& o) { o.una_binary = "conditional"; });
  refused([](ObjectiveOptions& o) { o.una_pair = "soft"; });
  refused([](ObjectiveOptions& o) { o.label_smoothing = .1; });
  refused([](ObjectiveOptions& o) { o.label_noise = -1; });
  EXPECT_FALSE(make_objective("una", joint())->accepts(Unit::kSft));
}

}  // namespace
}  // namespace una::objective
