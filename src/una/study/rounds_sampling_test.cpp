#include "una/study/rounds_sampling.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una::study {
namespace {

Json mean_of(const std::string& lines) {
  const std::string path = test_folder("rounds_sampling") + "/labelled.jsonl";
  write_file(path, lines);
  return mean_label(path);
}

TEST(RoundsSampling, TheMeanLabelCountsScoresThumbsAndGroups) {
  EXPECT_EQ(mean_of("{\"score\": 1}\n{\"score\": 4}\n"), 2.5);
  EXPECT_EQ(mean_of("{\"label\": true}\n{\"label\": false}\n"), 0.5);
  EXPECT_EQ(mean_of("{\"responses\": [{\"score\": 1}, {\"score\": 2}]}\n{\"score\": 6}\n"), 3);
}

TEST(RoundsSampling, PreferencesAloneHaveNoMean) {
  EXPECT_TRUE(mean_of("{\"chosen\": \"a\", \"rejected\": \"b\"}\n").is_null());
}

TEST(RoundsSampling, LabelsBeyondOneNeedAScaleOfTheirOwn) {
  const std::string path = test_folder("rounds_scale") + "/labelled.jsonl";
  const auto check_lines = [&](const std::string& lines) {
    write_file(path, lines);
    check_labels_have_a_scale(path);
  };
  check_lines("{\"score\": 1}\n{\"score\": null}\n{\"chosen\": \"a\"}\n{\"label\": false}\n");
  check_lines("{\"responses\": [{\"score\": -1}], \"score_range\": [-2, 0]}\n");
  for (const char* lines : {"{\"score\": 0}\n{\"score\": -1.5}\n", "{\"responses\": [{\"score\": 1.5}]}\n"}) {
    try {
      check_lines(lines);
      FAIL() << lines;
    } catch (const InputError& error) {
      EXPECT_NE(std::string(error.what()).find("start again with --score_range observed"), std::string::npos)
          << error.what();
    }
  }
}

}  // namespace
}  // namespace una::study
