#include "una/objective/methods.h"

#include <cmath>

#include <gtest/gtest.h>

#include "una/base/format.h"
#include "una/base/rng.h"
#include "una/objective/pair/pair_losses.h"
#include "una/objective/testing.h"

// Properties of every method, loss, link and offset.
namespace una::objective {
namespace {

using testing::Answer;
using testing::Batch;
using testing::loss_of;
using testing::Outcome;
using testing::run;

struct Case {
  std::string method;
  ObjectiveOptions options;
  std::string name;
};

void add_una_cases(std::vector<Case>& cases) {
  for (const std::string link : {"sigmoid", "identity"}) {
    for (const std::string loss : {"mse", "bce", "l1", "huber"}) {
      for (const std::string f : {"auto", "zero", "constant", "running", "group", "shrunk", "kto_z0",
                                  "log_partition", "value_head", "quantile"}) {
        if (link == "identity" && loss == "bce") { continue; }
        if (link == "sigmoid" && f == "quantile") { continue; }
        const ObjectiveOptions options{.una_link = link,
                                       .una_loss = loss,
                                       .una_f = f,
                                       .una_constant = .7,
                                       .una_huber_delta = .2,
                                       .una_lambda = ".4"};
        cases.push_back({"una", options, cat("una ", link, " ", loss, " ", f)});
      }
    }
  }
  for (const std::string transform : {"log", "normal"}) {
    const ObjectiveOptions options{.una_link = "identity", .una_f = "quantile", .una_quantile = transform};
    cases.push_back({"una", options, cat("una quantile ", transform)});
  }
  cases.push_back({"una", {.una_link = "identity", .una_reward = "standardised"}, "una standardised"});
  cases.push_back({"una", {.una_pair = "soft"}, "una soft pairs"});
  cases.push_back({"una", {.una_binary = "conditional"}, "una conditional thumbs"});
  cases.push_back({"una", {.una_binary = "integrated"}, "una integrated thumbs"});
  cases.push_back({"una", {.una_link = "identity", .una_mix = "likelihood"}, "una likelihood"});
  cases.push_back(
      {"una", {.una_link = "identity", .una_f = "shrunk", .una_lambda = "reml"}, "una shrunk by reml"});
  cases.push_back({"una", {.log_ratio_norm = "mean"}, "una by length"});
  cases.push_back({"una", {.loss_weights = "pairwise=2,sft=.1"}, "una weighted"});
  cases.push_back({"una", {.desirable_weight = 2, .undesirable_weight = .5}, "una class weights"});
}

std::vector<Case> all_cases() {
  std::vector<Case> cases = {{"kto", {.undesirable_weight = 1.3}, "kto"},
                             {"sft", {}, "sft"},
                             {"reward", {.label_smoothing = .1, .center_rewards_coefficient = .1}, "reward"},
                             {"dpo", {.rpo_alpha = .3}, "dpo with nll"},
                             {"dpo", {.log_ratio_norm = "mean"}, "dpo by length"},
                             {"kto", {.log_ratio_norm = "mean", .kl_source = "none"}, "kto by length"},
                             {"reward", {.rpo_eta = 2, .reward_margin = "soft_label"}, "reward soft"},
                             {"reward", {.loss_weights = "regression=3"}, "reward weighted"}};
  for (const PairLossEntry& entry : pair_losses()) {
    const ObjectiveOptions options{.loss_type = entry.name, .label_smoothing = entry.smoothing ? .05 : 0};
    cases.push_back({"dpo", options, cat("dpo ", entry.name)});
    if (!entry.divergence) { continue; }
    for (const std::string divergence : {"forward_kl", "js_divergence", "alpha_divergence"}) {
      ObjectiveOptions other = options;
      other.f_divergence_type = divergence;
      cases.push_back({"dpo", other, cat("dpo ", entry.name, " ", divergence)});
    }
  }
  add_una_cases(cases);
  return cases;
}

void observe_lengths(Objective& objective) {
  Batch batch;
  batch.add(Unit::kSft, 0, {-1, -1, 5}, 1);
  objective.observe(batch.sequences);
}

std::unique_ptr<Objective> make(const Case& c) {
  auto objective = make_objective(c.method, c.options);
  observe_lengths(*objective);
  objective->begin_step(1.2, 4);
  MetricSums step;
  step.add("_offset/0", .9, 3);
  step.add("_offset/1", -.6, 3);
  step.add("_shrink/within", 2, 3);
  step.add("_shrink/mean", 1, 3);
  step.add("_shrink/between", 4, 3);
  step.add("_shrink/inverse", 1, 3);
  step.add("_thumbs/g/0", .9, 3);
  step.add("_thumbs/gg/0", 2, 3);
  step.add("_reward/x", 6, 3);
  step.add("_reward/xx", 18, 3);
  objective->end_step(step);
  return objective;
}

Answer random_answer(Rng& rng, double spread) {
  const double ref = -12 - 3 * rng.uniform();
  return {ref + spread * (2 * rng.uniform() - 1), ref, 3 + static_cast<std::int64_t>(rng.below(5))};
}

// Rows of every unit that the objective accepts, two sources, unlike weights (where they are allowed).
Batch random_batch(const Objective& objective, bool weighted, double spread = 4, std::uint64_t seed = 1,
                   bool thumbs = false) {
  Rng rng(seed, stream_id("objective test"));
  Batch batch;
  const auto add = [&](Unit unit, std::int32_t size) {
    if (!objective.accepts(unit)) { return; }
    const double weight = weighted ? .5 + rng.uniform() : 1, margin = rng.uniform();
    for (std::int32_t slot = 0; slot < size; ++slot) {
      const bool hard = unit == Unit::kBinary || unit == Unit::kPair || unit == Unit::kSft;
      const bool good = unit == Unit::kSft || (slot + batch.rows + 1) % 2 == 1;
      const double target = hard ? (good ? 1 : 0) : rng.uniform();
      SequenceMeta& meta = batch.add(unit, slot, random_answer(rng, spread), target);
      meta.weight = weight;
      meta.margin = margin;
      meta.has_margin = unit == Unit::kPair;
      meta.source = static_cast<std::int32_t>(batch.rows % 2);
      meta.ref_rewards.raw = meta.ref_rewards.scores = {rng.uniform(), target, rng.uniform()};
      meta.ref_rewards.has_own = slot % 2 == 0;
      meta.sampler = slot % 2 == 0 ? Sampler::kReference : Sampler::kPolicy;
      batch.score.push_back(2 * rng.uniform() - 1);
      batch.value.push_back(2 * rng.uniform() - 1);
    }
  };
  for (int i = 0; i < 2; ++i) {
    add(Unit::kPair, 2);
    add(Unit::kBinary, 1);
    add(Unit::kBinary, 1);
    add(Unit::kScore, 1);
    add(Unit::kGroup, 3 + i);
    add(Unit::kSft, 1);
  }
  if (thumbs) {
    for (const std::vector<double>& ups : {std::vector<double>{1, 0, 1}, {0, 1}, {1, 1}}) {
      for (std::size_t i = 0; i < ups.size(); ++i) {
        SequenceMeta& meta =
            batch.add(Unit::kGroup, static_cast<std::int32_t>(i), random_answer(rng, spread), ups[i]);
        meta.source = static_cast<std::int32_t>(batch.rows % 2);
        batch.score.push_back(0);
        batch.value.push_back(0);
      }
    }
  }
  return batch;
}

bool allows_weights(const Case& c) { return c.options.loss_type.rfind("aot", 0) != 0; }

bool has_thumbs(const Case& c) { return c.options.una_binary != "pointwise" || c.options.una_mix != "mean"; }

// Changes one sequence's log-prob (and score), on its first token only.
Batch moved(Batch batch, std::size_t s, double h) {
  batch.logp[static_cast<std::size_t>(batch.sequences[s].logp_begin)] += h;
  batch.score[s] += h;
  return batch;
}

TEST(Methods, GradientsAgreeWithFiniteDifferences) {
  for (const Case& c : all_cases()) {
    // The group's offset is a detached baseline: with any other loss than squares over the identity link the
    // gradient is meant to differ from the full derivative (una_test holds it fixed).
    const bool grouped = c.options.una_f == "group" || c.options.una_f == "shrunk";
    const bool detached = grouped && (c.options.una_link != "identity" || c.options.una_loss != "mse");
    if (detached) { continue; }
    const auto objective = make(c);
    const Batch batch = random_batch(*objective, allows_weights(c), 4, 1, has_thumbs(c));
    const Outcome outcome = run(*objective, batch);
    const double h = 1e-5;
    for (std::size_t s = 0; s < batch.sequences.size(); ++s) {
      const double numeric =
          (loss_of(*objective, moved(batch, s, h)) - loss_of(*objective, moved(batch, s, -h))) / (2 * h);
      EXPECT_NEAR(outcome.slope[s], numeric, 2e-8 + 1e-6 * std::abs(numeric)) << c.name << ", sequence " << s;
    }
  }
}

TEST(Methods, TheValueHeadsGradientIsThatOfTheLoss) {
  for (const Case& c : all_cases()) {
    if (c.options.una_f != "value_head") { continue; }
    const auto objective = make(c);
    const Batch batch = random_batch(*objective, true);
    const std::vector<double> slope = run(*objective, batch).value_slope;
    ASSERT_EQ(slope.size(), batch.sequences.size());
    for (std::size_t s = 0; s < batch.sequences.size(); ++s) {
      Batch up = batch, down = batch;
      up.value[s] += 1e-5;
      down.value[s] -= 1e-5;
      const double numeric = (loss_of(*objective, up) - loss_of(*objective, down)) / 2e-5;
      EXPECT_NEAR(slope[s], numeric, 2e-8 + 1e-6 * std::abs(numeric)) << c.name << ", sequence " << s;
      const Unit unit = batch.sequences[s].unit;
      if (unit == Unit::kPair || unit == Unit::kSft) { EXPECT_EQ(slope[s], 0) << c.name; }
    }
  }
}

TEST(Methods, EveryTokenOfAnAnswerHasTheSameGradient) {
  for (const Case& c : all_cases()) {
    const auto objective = make(c);
    if (!objective->needs().logp) { continue; }
    const Batch batch = random_batch(*objective, false);
    const Evaluation evaluation = evaluate(*objective, batch.input(),
                                           testing::scales_of(*objective, objective->count(batch.sequences)));
    ASSERT_EQ(evaluation.dlogp.scalar_type(), at::kFloat);
    ASSERT_EQ(evaluation.dlogp.numel(), static_cast<std::int64_t>(batch.logp.size()));
    // rpo_alpha and orpo add a mean over tokens: still one number per answer.
    for (const SequenceMeta& sequence : batch.sequences) {
      for (std::int64_t i = sequence.logp_begin; i < sequence.logp_end; ++i) {
        EXPECT_EQ(evaluation.dlogp.const_data_ptr<float>()[i],
                  evaluation.dlogp.const_data_ptr<float>()[sequence.logp_begin]);
      }
    }
  }
}

TEST(Methods, EverythingIsFiniteFarOut) {
  for (const Case& c : all_cases()) {
    const auto objective = make(c);
    for (const double far : {1e5, -1e5}) {  // beta .1: |u| = 1e4
      Batch batch = random_batch(*objective, false, 4, 1, has_thumbs(c));
      for (std::size_t s = 0; s < batch.sequences.size(); ++s) {
        batch = moved(batch, s, s % 3 == 0 ? far : -far);
        batch.value[s] += s % 2 == 0 ? far / 10 : -far / 10;
      }
      const Outcome outcome = run(*objective, batch);
      EXPECT_TRUE(std::isfinite(outcome.loss)) << c.name;
      for (const double slope : outcome.slope) { EXPECT_TRUE(std::isfinite(slope)) << c.name; }
      for (const double slope : outcome.value_slope) { EXPECT_TRUE(std::isfinite(slope)) << c.name; }
    }
  }
}

// Rows [begin, end) of a batch as a separate batch.
Batch slice(const Batch& batch, std::int64_t begin, std::int64_t end) {
  Batch out;
  for (std::size_t s = 0; s < batch.sequences.size(); ++s) {
    SequenceMeta meta = batch.sequences[s];
    if (meta.row < begin || meta.row >= end) { continue; }
    const auto from = static_cast<std::size_t>(meta.logp_begin), to = static_cast<std::size_t>(meta.logp_end);
    meta.logp_begin = static_cast<std::int64_t>(out.logp.size());
    for (std::size_t i = from; i < to; ++i) {
      out.logp.push_back(batch.logp[i]);
      out.ref.push_back(batch.ref[i]);
    }
    meta.logp_end = static_cast<std::int64_t>(out.logp.size());
    meta.row -= begin;
    out.sequences.push_back(meta);
    out.score.push_back(batch.score[s]);
    out.value.push_back(batch.value[s]);
  }
  return out;
}

TEST(Methods, TheCutIntoMicroBatchesDoesNotMatter) {
  for (const Case& c : all_cases()) {
    if (!allows_weights(c)) {
      continue;  // aot sorts a micro-batch
    }
    const auto objective = make(c);
    const Batch batch = random_batch(*objective, true, 4, 1, has_thumbs(c));
    const std::vector<double> counts = objective->count(batch.sequences);
    const std::vector<double> scales = testing::scales_of(*objective, counts);
    const Evaluation whole = evaluate(*objective, batch.input(), scales);
    std::vector<double> sums(counts.size()), counted(counts.size());
    std::vector<float> slopes;
    MetricSums metrics;
    for (std::int64_t row = 0; row < batch.rows; row += 2) {
      const Batch part = slice(batch, row, row + 2);
      const Evaluation one = evaluate(*objective, part.input(), scales);
      const std::vector<double> its = objective->count(part.sequences);
      for (std::size_t k = 0; k < counts.size(); ++k) {
        sums[k] += one.sums[k];
        counted[k] += its[k];
      }
      const at::Tensor& d = one.dlogp.defined() ? one.dlogp : one.dscore;
      slopes.insert(slopes.end(), d.const_data_ptr<float>(), d.const_data_ptr<float>() + d.numel());
      metrics.merge(one.metrics);
    }
    EXPECT_EQ(counted, counts) << c.name;
    for (std::size_t k = 0; k < counts.size(); ++k) { EXPECT_NEAR(sums[k], whole.sums[k], 1e-10) << c.name; }
    const at::Tensor& d = whole.dlogp.defined() ? whole.dlogp : whole.dscore;
    ASSERT_EQ(static_cast<std::int64_t>(slopes.size()), d.numel());
    for (std::size_t i = 0; i < slopes.size(); ++i) {
      EXPECT_NEAR(slopes[i], d.const_data_ptr<float>()[i], 1e-9);
    }
    for (const auto& [name, entry] : whole.metrics.entries()) {
      EXPECT_NEAR(metrics.sum(name), entry.sum, 1e-9) << c.name << " " << name;
      EXPECT_EQ(metrics.count(name), entry.count) << c.name << " " << name;
    }
  }
}

TEST(Methods, AMixedBatchIsThePlainMeanOfItsUnits) {
  const auto una = make_objective("una", {.una_loss = "bce", .una_f = "group"});
  const Batch batch = random_batch(*una, true);
  const Outcome mixed = run(*una, batch);
  double sum = 0, units = 0;
  std::vector<double> counts;
  for (std::int64_t row = 0; row < batch.rows; ++row) {
    const Outcome alone = run(*una, slice(batch, row, row + 1));
    sum += alone.loss;
    units += 1;
  }
  EXPECT_EQ(mixed.counts, (std::vector<double>{2, 4, 2, 2, 2}));
  EXPECT_NEAR(mixed.loss, sum / units, 1e-12);
}

TEST(Methods, AMixedBatchIsTheWeightedSumOfItsParts) {
  for (const std::string f : {"zero", "constant", "group"}) {
    const auto una = make_objective("una", {.una_f = f, .una_constant = .4});
    const Batch batch = random_batch(*una, true);
    const Outcome mixed = run(*una, batch);
    const std::vector<double> lambda = una->weights(mixed.counts);
    double expected = 0;
    for (std::size_t k = 0; k < mixed.counts.size(); ++k) {
      const std::string unit = una->parts()[k];
      Batch alone;
      for (std::int64_t row = 0; row < batch.rows; ++row) {
        const Batch one = slice(batch, row, row + 1);
        if (unit_name(one.sequences[0].unit) != unit) { continue; }
        for (SequenceMeta meta : one.sequences) {
          meta.row = alone.rows;
          meta.logp_begin += static_cast<std::int64_t>(alone.logp.size());
          meta.logp_end += static_cast<std::int64_t>(alone.logp.size());
          alone.sequences.push_back(meta);
        }
        alone.logp.insert(alone.logp.end(), one.logp.begin(), one.logp.end());
        alone.ref.insert(alone.ref.end(), one.ref.begin(), one.ref.end());
        ++alone.rows;
      }
      expected += lambda[k] * run(*una, alone).loss;
    }
    EXPECT_NEAR(mixed.loss, expected, 1e-12);
  }
}

TEST(Methods, TheLossAtTheReferenceIsThatOfEqualLogProbs) {
  for (const Case& c : all_cases()) {
    const auto objective = make_objective(c.method, c.options);
    observe_lengths(*objective);
    Batch batch = random_batch(*objective, allows_weights(c));
    batch.logp = batch.ref;
    const double promised = objective->loss_at_reference(batch.sequences);
    const Objective::Needs needs = objective->needs();
    const bool defined = needs.reference && !needs.value && c.options.rpo_alpha == 0;
    EXPECT_EQ(std::isnan(promised), !defined) << c.name;
    if (!defined) { continue; }
    EXPECT_NEAR(promised, run(*objective, batch).loss, 1e-12) << c.name;
  }
}

TEST(Methods, KnownLossesAtTheReference) {
  Batch pair, label, score;
  pair.add_pair({}, {});
  label.add(Unit::kBinary, 0, {}, 1);
  score.add(Unit::kScore, 0, {}, .7);
  const auto at = [](const std::string& method, const ObjectiveOptions& options, const Batch& batch) {
    return make_objective(method, options)->loss_at_reference(batch.sequences);
  };
  const double ln2 = std::log(2.0);
  EXPECT_NEAR(at("dpo", {}, pair), ln2, 1e-15);
  EXPECT_NEAR(at("dpo", {.label_smoothing = .2}, pair), ln2, 1e-15);
  EXPECT_NEAR(at("dpo", {.loss_type = "robust", .label_smoothing = .2}, pair), ln2, 1e-15);
  EXPECT_NEAR(at("dpo", {.loss_type = "hinge"}, pair), 1, 1e-15);
  EXPECT_NEAR(at("dpo", {.loss_type = "ipo"}, pair), 25, 1e-12);
  EXPECT_NEAR(at("kto", {}, label), .5, 1e-15);
  EXPECT_NEAR(at("una", {}, pair), ln2, 1e-15);
  EXPECT_NEAR(at("una", {.una_loss = "bce"}, score), ln2, 1e-15);
  EXPECT_NEAR(at("una", {}, score), .04, 1e-15);
  EXPECT_NEAR(at("una", {}, label), .25, 1e-15);
}

TEST(Methods, AnEmptyPartHasNoGradientAndNoLoss) {
  const auto una = make_objective("una", {});
  const Outcome outcome = run(*una, testing::labels_a());
  EXPECT_EQ(outcome.counts, (std::vector<double>{0, 6, 0, 0, 0}));
  EXPECT_EQ(outcome.sums[0], 0);
  EXPECT_EQ(una->weights({0, 0, 0, 0, 0}), std::vector<double>(5, 0.0));
}

TEST(Methods, StatisticsBecomeTrlsMetrics) {
  Batch batch;
  batch.add_pair({-1, -1, 2}, {-2, -2, 1});
  batch.add_pair({-1, -1, 1}, {-2, -2, 1});
  ObjectiveInput input = batch.input();
  input.entropy = at::tensor({1., 2., 3., 4., 5.});
  input.mean_logit = at::tensor({10., 20., 30., 40., 50.});
  input.greedy = at::tensor({1, 0, 1, 1, 1}).to(at::kBool);
  for (const std::string method : {"dpo", "una"}) {
    const auto objective = make_objective(method, {});
    const auto means =
        evaluate(*objective, input, std::vector<double>(objective->parts().size(), 1)).metrics.means();
    EXPECT_NEAR(means.at("entropy"), 3, 1e-12);
    EXPECT_NEAR(means.at("logits/chosen"), 70.0 / 3, 1e-12);
    EXPECT_NEAR(means.at("logits/rejected"), 40, 1e-12);
    EXPECT_NEAR(means.at("mean_token_accuracy"), 2.0 / 3, 1e-12);  // of the chosen answers' three tokens
  }
}

TEST(Methods, TheSpreadOfTheLossIsDerivedFromSums) {
  const auto dpo = make_objective("dpo", {});
  const auto derived = dpo->derived(run(*dpo, testing::pairs_a()).metrics);
  const std::vector<double> losses = {.693147, .313262, .126928};
  double variance = 0;
  for (const double loss : losses) { variance += (loss - .377779) * (loss - .377779) / 3; }
  EXPECT_NEAR(derived.at("loss_variance"), variance, 1e-6);
  EXPECT_EQ(derived.count("rewards/margins"), 0U);  // pairs have their own
}

}  // namespace
}  // namespace una::objective
