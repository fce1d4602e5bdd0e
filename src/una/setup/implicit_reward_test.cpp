#include "una/setup/implicit_reward.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una::setup {
namespace {

TEST(ImplicitReward, IsRecognisedByItsName) {
  EXPECT_TRUE(is_implicit("implicit:a"));
  EXPECT_TRUE(is_implicit("implicit_mean:a:b"));
  EXPECT_FALSE(is_implicit("model:a"));
}

TEST(ImplicitReward, BetaIsThatOfTheRun) {
  const std::string folder = test_folder("implicit_reward");
  EXPECT_FALSE(trained_beta(folder));
  EXPECT_FALSE(trained_beta(""));
  write_file(folder + "/run.yaml", "method: dpo\nbeta: 0.25\n");
  EXPECT_EQ(trained_beta(folder), 0.25);
}

TEST(ImplicitReward, NamesThatDoNotFitAreRefused) {
  const std::string folder = test_folder("implicit_reward_names");
  for (const std::string& name : {std::string("implicit:"), "implicit:" + folder + "/none",
                                  "implicit:" + folder + ":" + folder + ":" + folder, "implicit:" + folder}) {
    EXPECT_THROW(make_implicit_reward(name, {}), InputError) << name;
  }
}

}  // namespace
}  // namespace una::setup
