// Later passes over own samples: PPO's clip on the slope of the fit.
#include <cmath>

#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/objective/testing.h"

namespace una::objective {
namespace {

using testing::Batch;

constexpr double kBeta = .1;

at::Tensor numbers(const std::vector<double>& values) {
  return at::tensor(values, at::TensorOptions().dtype(at::kDouble));
}

ObjectiveOptions options_with(const std::string& clip, const std::string& f = "zero") {
  ObjectiveOptions options;
  options.beta = kBeta;
  options.una_link = "identity";
  options.una_f = f;
  options.una_clip = clip;
  return options;
}

// Two answers to one prompt, two tokens each, with rewards 1 and 0 and the reference at the same log-probs.
struct Samples {
  Batch batch;
  std::map<std::string, at::Tensor> columns;

  explicit Samples(const std::vector<double>& old, Unit unit = Unit::kGroup) {
    const double rewards[] = {1, 0};
    for (std::int32_t i = 0; i < 2; ++i) {
      batch.add(unit, unit == Unit::kGroup ? i : 0, {-3, -3, 2}, rewards[i]);
    }
    if (!old.empty()) { columns["old_logp"] = numbers(old); }
  }
  Evaluation evaluate_with(const Objective& objective) const {
    ObjectiveInput input = batch.input();
    input.columns = &columns;
    return evaluate(objective, input, testing::scales_of(objective, objective.count(batch.sequences)));
  }
  std::vector<double> slopes(const ObjectiveOptions& options) const {
    const at::Tensor slope = evaluate_with(*make_objective("una", options)).dlogp;
    return {slope.const_data_ptr<float>(), slope.const_data_ptr<float>() + slope.numel()};
  }
};

// The log-probs of Samples: -3 per sequence, split 1 to 2 over its tokens.
std::vector<double> now_less(const std::vector<double>& moved) {
  const std::vector<double> now = {-1, -2, -1, -2};
  std::vector<double> old(4);
  for (std::size_t i = 0; i < 4; ++i) { old[i] = now[i] - moved[i]; }
  return old;
}

TEST(UnaClip, APolicyThatHasNotMovedHasTheFitSOwnLossAndGradient) {
  for (const std::string clip : {"sequence", "token"}) {
    for (const std::string f : {"zero", "group", "constant"}) {
      for (const Unit unit : {Unit::kGroup, Unit::kScore}) {
        ObjectiveOptions options = options_with(clip, f);
        options.una_constant = .3;
        const auto una = make_objective("una", options);
        const Evaluation plain = Samples({}, unit).evaluate_with(*una);
        const Evaluation clipped = Samples(now_less({0, 0, 0, 0}), unit).evaluate_with(*una);
        EXPECT_EQ(plain.sums, clipped.sums);
        for (std::int64_t i = 0; i < 4; ++i) {
          EXPECT_NEAR(plain.dlogp[i].item<double>(), clipped.dlogp[i].item<double>(), 1e-9) << clip << f << i;
        }
      }
    }
  }
}

// Delta 0, rewards 1 and 0, f 0: slopes in Delta of the mean over two answers are beta (0 - r).
TEST(UnaClip, TheRatioOfTheAnswerWeighsItsSlopeUntilTheClip) {
  const double g = -kBeta;  // of the first answer: 2 beta e / 2
  const auto slope = [&](double moved, const char* clip) {
    return Samples(now_less({moved, 0, 0, 0})).slopes(options_with(clip))[0];
  };
  EXPECT_NEAR(slope(.1, "sequence"), g * std::exp(.1), 1e-7);
  EXPECT_EQ(slope(.3, "sequence"), 0) << "above 1.2 on the side that the reward pushes to";
  EXPECT_NEAR(slope(-.5, "sequence"), g * std::exp(-.5), 1e-7) << "below .8, but on its way back";
  EXPECT_NEAR(slope(.3, "none"), g, 1e-8);
}

TEST(UnaClip, ATokenIsClippedAloneAndAnAnswerAsAWhole) {
  const std::vector<double> old = now_less({.3, 0, 0, 0});
  const std::vector<double> tokens = Samples(old).slopes(options_with("token"));
  EXPECT_EQ(tokens[0], 0);
  EXPECT_NEAR(tokens[1], -kBeta, 1e-8) << "the other token has not moved";
  EXPECT_EQ(Samples(old).slopes(options_with("sequence"))[1], 0);
}

TEST(UnaClip, AnAnswerThatIsPushedDownIsClippedBelow) {
  // Group of rewards 1 and 0: f is .5, so e is -.5 and .5, and the second answer's slope is 2 beta .5.
  const auto slope = [&](double moved) {
    return Samples(now_less({0, 0, moved, 0})).slopes(options_with("sequence", "group"))[2];
  };
  EXPECT_NEAR(slope(0), kBeta, 1e-8);
  EXPECT_EQ(slope(-.3), 0);
  EXPECT_NEAR(slope(.3), kBeta * std::exp(.3), 1e-7);
}

TEST(UnaClip, TheUpperClipMayDifferFromTheLower) {
  ObjectiveOptions options = options_with("sequence");
  options.epsilon_high = .5;
  EXPECT_NEAR(Samples(now_less({.3, 0, 0, 0})).slopes(options)[0], -kBeta * std::exp(.3), 1e-7);
}

TEST(UnaClip, ItsShareIsCounted) {
  const auto una = make_objective("una", options_with("token"));
  const Evaluation evaluation = Samples(now_less({.3, 0, 0, 0})).evaluate_with(*una);
  EXPECT_NEAR(evaluation.metrics.means().at("clip_ratio"), .25, 1e-12);
}

TEST(UnaClip, TheValueHeadKeepsLearningWhereTheClipStopsThePolicy) {
  Samples samples(now_less({.3, 0, 0, 0}), Unit::kScore);
  samples.batch.value = {0, 0};
  const auto una = make_objective("una", options_with("sequence", "value_head"));
  const Evaluation evaluation = samples.evaluate_with(*una);
  EXPECT_EQ(evaluation.dlogp[0].item<double>(), 0);
  EXPECT_NEAR(evaluation.dvalue[0].item<double>(), -1, 1e-7);
}

TEST(UnaClip, ThePaperSSigmoidIsClippedByItsOwnSlope) {
  ObjectiveOptions options;
  options.beta = kBeta;
  Samples samples(now_less({.1, 0, 0, 0}), Unit::kScore);
  // 2 (sigma(0) - 1) sigma'(0) beta / 2 answers
  EXPECT_NEAR(samples.slopes(options)[0], -.5 * .25 * kBeta * std::exp(.1), 1e-8);
}

TEST(UnaClip, AnUnknownLevelIsNamed) {
  EXPECT_THROW(make_objective("una", options_with("answer")), InputError);
}

}  // namespace
}  // namespace una::objective
