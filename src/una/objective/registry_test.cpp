#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/objective/methods.h"
#include "una/objective/pair/pair_losses.h"

namespace una::objective {
namespace {

std::string refusal(const std::string& method, const ObjectiveOptions& options = {}) {
  try {
    make_objective(method, options);
  } catch (const InputError& error) { return error.what(); }
  return "accepted";
}

TEST(Registry, EveryNameMakesAnObjective) {
  EXPECT_EQ(objective_names(),
            (std::vector<std::string>{"una", "dpo", "kto", "sft", "reward", "rloo", "grpo", "ppo"}));
  for (const std::string& name : objective_names()) {
    ObjectiveOptions options;
    if (name == "grpo") {
      options.loss_type = "dapo";  // the key has values of its own there
    }
    EXPECT_NE(make_objective(name, options), nullptr) << name;
  }
}

TEST(Registry, EveryLossTypeMakesAnObjective) {
  EXPECT_EQ(pair_loss_names().size(), pair_losses().size());
  for (const PairLossEntry& entry : pair_losses()) {
    const ObjectiveOptions options{.loss_type = entry.name, .label_smoothing = entry.smoothing ? .01 : 0};
    EXPECT_EQ(make_objective("dpo", options)->needs().reference, entry.reference) << entry.name;
  }
}

TEST(Registry, UnknownNamesAreAnsweredWithTheNearest) {
  EXPECT_NE(refusal("dppo").find("did you mean 'dpo'"), std::string::npos);
  EXPECT_NE(refusal("dpo", {.loss_type = "sigmoyd"}).find("did you mean 'sigmoid'"), std::string::npos);
  EXPECT_NE(refusal("una", {.una_f = "runing"}).find("did you mean 'running'"), std::string::npos);
  EXPECT_NE(refusal("una", {.una_link = "x"}).find("known: identity, sigmoid"), std::string::npos);
}

TEST(Registry, BceWithTheIdentityLinkIsRefusedInOneSentence) {
  const std::string message = refusal("una", {.una_link = "identity", .una_loss = "bce"});
  EXPECT_NE(message.find("una_link sigmoid"), std::string::npos) << message;
}

TEST(Registry, AKeyThatTheMethodDoesNotReadIsNamed) {
  ::testing::internal::CaptureStderr();
  make_objective("kto", {.loss_type = "ipo"});
  EXPECT_NE(::testing::internal::GetCapturedStderr().find("loss_type has no effect"), std::string::npos);
  ::testing::internal::CaptureStderr();
  make_objective("dpo", {.loss_type = "ipo"});
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace una::objective
