#include "una/objective/length_norm.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/objective/testing.h"

namespace una::objective {
namespace {

using testing::Batch;
using testing::run;

// Data with a mean length of 4.
void observe(Objective& objective) {
  EXPECT_TRUE(objective.needs().survey);
  Batch data;
  data.add_pair({0, 0, 2}, {0, 0, 6});
  objective.observe(data.sequences);
}

// Delta 3 of 6 tokens, Delta -2 of 2 tokens: 2 and -4 at the mean length.
Batch uneven() {
  Batch batch;
  batch.add_pair({-3, -6, 6}, {-7, -5, 2});
  return batch;
}

TEST(LengthNorm, DeltaIsTakenAtTheMeanLengthOfTheData) {
  const auto dpo = make_objective("dpo", {.beta = .5, .log_ratio_norm = "mean"});
  observe(*dpo);
  Batch even;
  even.add_pair({-3, -5, 4}, {-9, -5, 4});
  const auto a = run(*dpo, uneven()), b = run("dpo", {.beta = .5}, even);
  EXPECT_NEAR(a.loss, b.loss, 1e-12);
  EXPECT_NEAR(a.slope[0], b.slope[0] * 4 / 6, 1e-8);
  EXPECT_NEAR(a.slope[1], b.slope[1] * 4 / 2, 1e-8);
  EXPECT_NEAR(a.metrics.means().at("rewards/chosen"), 1, 1e-12);
  EXPECT_NEAR(a.metrics.means().at("log_ratio"), .5, 1e-12);  // unchanged
}

TEST(LengthNorm, UnaAndKtoReadItToo) {
  const ObjectiveOptions options{.beta = .5, .log_ratio_norm = "mean", .kl_source = "none"};
  const auto dpo = make_objective("dpo", {.beta = .5, .log_ratio_norm = "mean"});
  const auto una = make_objective("una", {.beta = .5, .log_ratio_norm = "mean"});
  const auto kto = make_objective("kto", options);
  for (Objective* objective : {dpo.get(), una.get(), kto.get()}) { observe(*objective); }
  EXPECT_NEAR(run(*una, uneven()).loss, run(*dpo, uneven()).loss, 1e-12);
  // sigma(-1) and sigma(-2).
  EXPECT_NEAR(run(*kto, uneven()).loss, (.2689414214 + .1192029220) / 2, 1e-9);
}

TEST(LengthNorm, TheMeanLengthIsPartOfTheState) {
  for (const std::string method : {"una", "dpo", "kto"}) {
    const ObjectiveOptions options{.log_ratio_norm = "mean", .kl_source = "none"};
    const auto first = make_objective(method, options), second = make_objective(method, options);
    observe(*first);
    EXPECT_THROW(run(*second, uneven()), InternalError) << "nothing observed";
    second->load_state(parse_json(first->state().dump(), "test"));
    EXPECT_EQ(run(*first, uneven()).loss, run(*second, uneven()).loss);
  }
}

TEST(LengthNorm, LossesWithLengthsOfTheirOwnRefuseIt) {
  for (const std::string type : {"ipo", "sigmoid_norm", "aot", "simpo", "orpo"}) {
    EXPECT_THROW(make_objective("dpo", {.log_ratio_norm = "mean", .loss_type = type}), InputError) << type;
  }
  EXPECT_THROW(make_objective("kto", {.log_ratio_norm = "mean"}), InputError);
  EXPECT_THROW(make_objective("una", {.log_ratio_norm = "mean", .una_f = "kto_z0"}), InputError);
  EXPECT_THROW(make_objective("una", {.log_ratio_norm = "average"}), InputError);
}

}  // namespace
}  // namespace una::objective
