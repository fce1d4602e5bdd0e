#include "una/rows/schemas/label_values.h"

#include <gtest/gtest.h>

#include "una/rows/rows_testing.h"

namespace una::rows {
namespace {

TEST(LabelValues, WordsAndNumbersAreThumbs) {
  const LabelValues values({"good=Up|+1|yes", "bad=down|-1|no", "none=skip"});
  for (const Json& good :
       {Json("up"), Json(" UP "), Json(1), Json(1.0), Json("1"), Json("+1"), Json("TRUE"), Json(true)}) {
    EXPECT_TRUE(values.knows(good)) << good;
    EXPECT_EQ(values.thumb(good), true) << good;
  }
  for (const Json& bad : {Json("Down"), Json(-1), Json("-1.0"), Json("false"), Json(false)}) {
    EXPECT_TRUE(values.knows(bad)) << bad;
    EXPECT_EQ(values.thumb(bad), false) << bad;
  }
  EXPECT_TRUE(values.knows("skip"));
  EXPECT_EQ(values.thumb("skip"), std::nullopt);
  for (const Json& unknown : {Json("upp"), Json(0), Json(), Json("")}) {
    EXPECT_FALSE(values.knows(unknown)) << unknown;
  }
}

TEST(LabelValues, AWrongOptionIsNamed) {
  const auto error = [](const std::vector<std::string>& entries) {
    return input_error([&] { LabelValues{entries}; });
  };
  EXPECT_TRUE(contains(error({"up=1"}), "--label_values: \"up=1\" is none of good=..., bad=..., none=..."));
  EXPECT_TRUE(contains(error({"good"}), "\"good\" is none of"));
  EXPECT_TRUE(contains(error({"good=1"}), "must name good and bad values"));
  EXPECT_TRUE(contains(error({"good=1|", "bad=0"}), "\"good=1|\" has an empty value"));
  EXPECT_TRUE(contains(error({"good=1", "bad=1.0"}), "\"1.0\" is given twice"));
}

}  // namespace
}  // namespace una::rows
