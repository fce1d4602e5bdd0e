#include "una/objective/una/thumbs.h"

#include <cmath>

#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "una/base/error.h"
#include "una/base/rng.h"
#include "una/objective/kernel.h"
#include "una/objective/rows.h"
#include "una/objective/testing.h"

namespace una::objective {
namespace {

using testing::Batch;
using testing::Outcome;
using testing::run;

ThumbsTable table_of(const std::vector<std::vector<double>>& ups) {
  ThumbsTable out;
  for (const std::vector<double>& prompt : ups) {
    for (const double up : prompt) {
      out.index.push_back(std::ssize(out.index));
      out.owner.push_back(out.prompts());
      out.up.push_back(up);
    }
    out.weights.push_back(1);
    out.sources.push_back(0);
  }
  return out;
}

at::Tensor numbers(const std::vector<double>& values) { return device_tensor(values, at::kCPU); }

// sum over all subsets of n answers of exp of their sum, and of those that hold answer `with`.
double brute_sum(const std::vector<double>& x, std::size_t n, int with = -1) {
  double sum = 0;
  for (std::size_t set = 0; set < (1U << x.size()); ++set) {
    double total = 0;
    std::size_t members = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      if ((set >> i & 1) == 0) { continue; }
      total += x[i];
      ++members;
    }
    if (members == n && (with < 0 || (set >> with & 1) != 0)) { sum += std::exp(total); }
  }
  return sum;
}

TEST(Thumbs, SymmetricSumsAreThoseOfAllSubsets) {
  const std::vector<double> x = {.3, -1.2, 2, .7, -.4}, y = {1, -1, .5};
  std::vector<double> all = x;
  all.insert(all.end(), y.begin(), y.end());
  for (std::size_t n = 0; n <= 5; ++n) {
    std::vector<double> ups(5, 0);
    for (std::size_t i = 0; i < n; ++i) { ups[i] = 1; }
    const std::vector<double> sums =
        host_values(log_symmetric_sums(numbers(all), table_of({ups, {0, 1, 1}})));
    EXPECT_NEAR(sums[0], std::log(brute_sum(x, n)), 1e-12) << n;
    EXPECT_NEAR(sums[1], std::log(brute_sum(y, 2)), 1e-12) << "padded to the other prompt's size";
  }
}

TEST(Thumbs, TheConditionalSlopeIsTheChanceOfBeingUpLessTheThumb) {
  const std::vector<double> x = {.3, -1.2, 2, .7}, ups = {1, 0, 0, 1};
  at::Tensor leaf = numbers(x).requires_grad_();
  const at::Tensor loss = conditional_losses(leaf, table_of({ups})).sum();
  EXPECT_NEAR(loss.item<double>(), std::log(brute_sum(x, 2)) - 1.0, 1e-12);
  const std::vector<double> slope = host_values(torch::autograd::grad({loss}, {leaf})[0]);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(slope[i], brute_sum(x, 2, static_cast<int>(i)) / brute_sum(x, 2) - ups[i], 1e-12);
  }
}

ObjectiveOptions with_binary(const std::string& how) {
  ObjectiveOptions options;
  options.una_binary = how;
  return options;
}

Batch thumbs(const std::vector<std::vector<double>>& deltas, const std::vector<std::vector<double>>& ups) {
  Batch batch;
  for (std::size_t p = 0; p < ups.size(); ++p) {
    for (std::size_t i = 0; i < ups[p].size(); ++i) {
      batch.add(Unit::kGroup, static_cast<std::int32_t>(i), {deltas[p][i] - 30, -30}, ups[p][i]);
    }
  }
  return batch;
}

TEST(Thumbs, TwoThumbsGivenOneUpAreDpo) {
  const std::vector<std::vector<double>> deltas = {{3, -2}, {-7, 5}, {1, 4}};
  const Outcome conditional =
      run("una", with_binary("conditional"), thumbs(deltas, {{1, 0}, {0, 1}, {1, 1}}));
  Batch pairs;
  pairs.add_pair({3 - 30, -30}, {-2 - 30, -30});
  pairs.add_pair({5 - 30, -30}, {-7 - 30, -30});
  const Outcome dpo = run("dpo", {}, pairs);
  EXPECT_EQ(conditional.counts[3], 2) << "two thumbs up tell nothing";
  EXPECT_NEAR(conditional.loss, dpo.loss, 1e-12);
  EXPECT_NEAR(conditional.slope[0], dpo.slope[0], 1e-12);
  EXPECT_NEAR(conditional.slope[1], dpo.slope[1], 1e-12);
  EXPECT_NEAR(conditional.slope[3], dpo.slope[2], 1e-12);
  EXPECT_EQ(conditional.slope[4], 0);
}

TEST(Thumbs, GivenTheirNumberTheOffsetOfAPromptIsGone) {
  const auto at = [](double offset) {
    return run("una", with_binary("conditional"),
               thumbs({{3 + offset, -2 + offset, 1 + offset, offset}}, {{1, 0, 0, 1}}));
  };
  EXPECT_NEAR(at(0).loss, at(40).loss, 1e-10);
  for (std::size_t i = 0; i < 4; ++i) { EXPECT_NEAR(at(0).slope[i], at(40).slope[i], 1e-8); }
}

// The population of all thumbs under P(up) = sigma(beta Delta* + g): the expected slope vanishes at Delta*, whatever g.
TEST(Thumbs, TheTrueLogRatiosAreWhereTheExpectedSlopeVanishes) {
  const std::vector<double> truth = {4, -9, 12};
  for (const double g : {-2., 0., 3.}) {
    std::vector<double> expected(3, 0), wrong(3, 0);
    for (int set = 0; set < 8; ++set) {
      double chance = 1;
      std::vector<double> ups;
      for (std::size_t i = 0; i < 3; ++i) {
        ups.push_back(set >> i & 1);
        const double up = sigmoid(.1 * truth[i] + g);
        chance *= ups[i] > .5 ? up : 1 - up;
      }
      const std::vector<double> x = {.4, -.9, 1.2}, off = {.4, -.9, .2};
      for (const auto& [at, sum] : {std::pair(&x, &expected), std::pair(&off, &wrong)}) {
        at::Tensor leaf = numbers(*at).requires_grad_();
        const at::Tensor loss = conditional_losses(leaf, table_of({ups})).sum();
        const std::vector<double> slope = host_values(torch::autograd::grad({loss}, {leaf})[0]);
        for (std::size_t i = 0; i < 3; ++i) { (*sum)[i] += chance * slope[i]; }
      }
    }
    for (const double slope : expected) { EXPECT_NEAR(slope, 0, 1e-12); }
    EXPECT_LT(wrong[2], -.01);
  }
}

TEST(Thumbs, NodesIntegratePolynomialsAndCosines) {
  const NormalNodes nodes = normal_nodes(31);
  const auto expectation = [&](const auto& f) {
    double sum = 0;
    for (std::size_t q = 0; q < 31; ++q) { sum += nodes.weights[q] * f(nodes.nodes[q]); }
    return sum;
  };
  EXPECT_NEAR(expectation([](double) { return 1.0; }), 1, 1e-12);
  EXPECT_NEAR(expectation([](double z) { return z * z; }), 1, 1e-12);
  EXPECT_NEAR(expectation([](double z) { return std::pow(z, 4); }), 3, 1e-11);
  EXPECT_NEAR(expectation([](double z) { return std::pow(z, 8); }), 105, 1e-9);
  EXPECT_NEAR(expectation([](double z) { return std::cos(2 * z); }), std::exp(-2.), 1e-12);
  const NormalNodes three = normal_nodes(3);
  EXPECT_NEAR(three.nodes[0], std::sqrt(3.0), 1e-12);
  EXPECT_NEAR(three.weights[1], 2. / 3, 1e-12);
}

// -log of the integral over g ~ N(mean, sd^2) of the thumbs' likelihood, by the trapezium rule.
double integral(const std::vector<double>& x, const std::vector<double>& ups, double mean, double sd) {
  double sum = 0;
  for (double z = -10; z <= 10; z += 1e-3) {
    double log_likelihood = -z * z / 2;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double u = x[i] + mean + sd * z;
      log_likelihood += ups[i] > .5 ? -std::log1p(std::exp(-u)) : -std::log1p(std::exp(u));
    }
    sum += 1e-3 * std::exp(log_likelihood) / std::sqrt(2 * M_PI);
  }
  return -std::log(sum);
}

TEST(Thumbs, TheIntegratedLossIsTheIntegral) {
  const auto una = make_objective("una", with_binary("integrated"));
  const Outcome outcome = run(*una, thumbs({{3, -2, 11}, {-7, 5}}, {{1, 0, 1}, {1, 1}}));
  EXPECT_EQ(outcome.counts[3], 5);
  const double expected = integral({.3, -.2, 1.1}, {1, 0, 1}, 0, 1) + integral({-.7, .5}, {1, 1}, 0, 1);
  EXPECT_NEAR(outcome.sums[3], expected, 1e-7);
  Batch single;
  single.add(Unit::kBinary, 0, {-27, -30}, 1);
  EXPECT_NEAR(run(*una, single).loss, integral({.3}, {1}, 0, 1), 1e-7);
}

TEST(Thumbs, TheLawOfTheOffsetsIsLearnt) {
  for (const auto& [mean, sd] : std::vector<std::pair<double, double>>{{-1.5, 1.2}, {.5, .4}}) {
    ObjectiveOptions options = with_binary("integrated");
    options.una_running_decay = .3;  // the same batch again and again: nothing to average over
    const auto una = make_objective("una", options);
    Rng rng(11, stream_id("thumbs law"));
    Batch batch;
    for (int p = 0; p < 500; ++p) {
      const double g = mean + sd * rng.normal();
      for (std::int32_t i = 0; i < 6; ++i) {
        batch.add(Unit::kGroup, i, {-30, -30, 1}, rng.uniform() < sigmoid(g) ? 1 : 0);
      }
    }
    for (int step = 0; step < 40; ++step) { una->end_step(run(*una, batch).metrics); }
    const Json law = una->state().at("thumbs").at("0");
    EXPECT_NEAR(law.at("mean").get<double>(), mean, .2);
    EXPECT_NEAR(law.at("deviation").get<double>(), sd, .2);
  }
}

TEST(Thumbs, TheLawBeginsWhereTheShareOfUpsIs) {
  const auto una = make_objective("una", with_binary("integrated"));
  EXPECT_TRUE(una->needs().survey);
  for (int i = 0; i < 50; ++i) {
    Batch one;
    one.add(Unit::kBinary, 0, {-30, -30}, i % 5 == 0 ? 1 : 0);
    una->observe(one.sequences);
  }
  const double mean = una->state().at("thumbs").at("0").at("mean").get<double>();
  EXPECT_NEAR(integral({0}, {1}, mean, 1), -std::log(.2), .05);
}

TEST(Thumbs, TheLawIsInTheCheckpoint) {
  const auto una = make_objective("una", with_binary("integrated"));
  const auto other = make_objective("una", with_binary("integrated"));
  const Batch batch = thumbs({{3, -2, 11}, {-7, 5}}, {{1, 0, 1}, {1, 1}});
  for (int step = 0; step < 3; ++step) { una->end_step(run(*una, batch).metrics); }
  other->load_state(Json::parse(una->state().dump()));
  EXPECT_EQ(run(*una, batch).slope, run(*other, batch).slope);
  EXPECT_THROW(other->load_state(Json{{"thumbs", Json{{"x", 1}}}}), InputError);
}

TEST(Thumbs, GroupsOfScoresKeepTheirOwnLoss) {
  Batch both = thumbs({{3, -2}}, {{1, 0}}), scores;
  for (Batch* batch : {&both, &scores}) {
    batch->add(Unit::kGroup, 0, {-28, -30}, .8);
    batch->add(Unit::kGroup, 1, {-33, -30}, .3);
  }
  for (const std::string how : {"conditional", "integrated"}) {
    const Outcome mixed = run("una", with_binary(how), both), alone = run("una", with_binary(how), scores);
    EXPECT_NEAR(mixed.slope[2] * mixed.counts[3], alone.slope[0] * alone.counts[3], 1e-8) << how;
  }
}

TEST(Thumbs, ALabelAloneOnItsPromptKeepsTheFittedThresholdUnderConditional) {
  const Outcome conditional = run("una", with_binary("conditional"), testing::labels_a());
  const Outcome pointwise = run("una", {}, testing::labels_a());
  EXPECT_EQ(conditional.slope, pointwise.slope);
}

TEST(Thumbs, WhatDoesNotGoWithThemIsNamed) {
  ObjectiveOptions identity = with_binary("conditional");
  identity.una_link = "identity";
  EXPECT_THROW(make_objective("una", identity), InputError);
  ObjectiveOptions weights = with_binary("integrated");
  weights.desirable_weight = 2;
  EXPECT_THROW(make_objective("una", weights), InputError);
  EXPECT_THROW(make_objective("una", with_binary("given")), InputError);
}

TEST(Thumbs, LabelsFitTheirThresholdByDefault) {
  // 20 % up at Delta 0: the fitted f goes to logit .2, f = 0 stays.
  Batch batch;
  for (int i = 0; i < 10; ++i) { batch.add(Unit::kBinary, 0, {-30, -30}, i < 2 ? 1 : 0); }
  const auto una = make_objective("una", ObjectiveOptions{.una_loss = "bce"});
  for (int step = 0; step < 40; ++step) { una->end_step(run(*una, batch).metrics); }
  const Outcome outcome = run(*una, batch);
  EXPECT_NEAR(outcome.metrics.means().at("una/offset"), std::log(.25), .01);
  double push = 0;
  for (const double slope : outcome.slope) { push += slope; }
  EXPECT_NEAR(push, 0, 1e-4);
  // Scores keep f = 0, and so does the paper's form by name.
  EXPECT_EQ(run(*una, testing::scores_a()).metrics.means().at("una/offset"), 0);
  const auto paper = make_objective("una", ObjectiveOptions{.una_loss = "bce", .una_f = "zero"});
  paper->end_step(run(*paper, batch).metrics);
  EXPECT_EQ(run(*paper, batch).metrics.means().at("una/offset"), 0);
}

}  // namespace
}  // namespace una::objective
