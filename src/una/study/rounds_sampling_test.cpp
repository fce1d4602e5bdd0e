#include "una/study/rounds_sampling.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace una::study
