#include "una/train/metric_names.h"

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::train {
namespace {

TEST(MetricNames, KnownNamesAreTakenWithAndWithoutTheirPrefix) {
  for (const char* name : {"eval_loss", "loss", "eval_rewards/margins", "rewards/accuracies", "eval_win_rate",
                           "una/offset", "eval_loss/pairs", "eval_bbh_accuracy"}) {
    EXPECT_NO_THROW(check_metric_name(name, {"bbh"})) << name;
  }
}

TEST(MetricNames, AnotherNameIsRefusedWithTheListOfThem) {
  for (const char* name : {"foo", "eval_los", "", "eval_", "bbh_accuracy"}) {
    try {
      check_metric_name(name, {"ifeval"});
      ADD_FAILURE() << name;
    } catch (const InputError& error) {
      EXPECT_NE(std::string(error.what()).find("rewards/accuracies"), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace una::train
