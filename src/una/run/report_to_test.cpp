#include "una/run/report_to.h"

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::run {
namespace {

std::string refusal(const std::string& name) {
  try {
    check_report_to({"tensorboard", name});
  } catch (const InputError& error) { return error.what(); }
  return "";
}

TEST(ReportTo, TrackersOfOthersAreNamedWithTheWayToFeedThem) {
  for (const char* name : {"tensorboard", "mlflow", "wandb", "all", "none"}) {
    EXPECT_EQ(refusal(name), "") << name;
  }
  EXPECT_NE(refusal("trackio").find("trackio.import_tf_events"), std::string::npos);
  EXPECT_NE(refusal("mlfow").find("mlflow"), std::string::npos) << "the nearest name";
}

TEST(ReportTo, AllMeansEveryTrackerAndNoneMeansNone) {
  EXPECT_TRUE(reports_to({"all"}, "mlflow"));
  EXPECT_TRUE(reports_to({"none", "mlflow"}, "mlflow"));
  EXPECT_FALSE(reports_to({"tensorboard"}, "mlflow"));
  EXPECT_FALSE(reports_to({"none"}, "tensorboard"));
  EXPECT_FALSE(reports_to({}, "tensorboard"));
}

TEST(ReportTo, TrackersSeeEverySettingAsOneLine) {
  const auto params = tracker_params(
      "beta: 0.1\ndataset_name: [a.jsonl, \"b c.jsonl\"]\nmax_length: null\nlogging_dir: \"\"\n");
  EXPECT_EQ(params, (std::map<std::string, std::string>{{"beta", "0.1"},
                                                        {"dataset_name", "a.jsonl, b c.jsonl"},
                                                        {"logging_dir", ""},
                                                        {"max_length", "null"}}));
}

}  // namespace
}  // namespace una::run
