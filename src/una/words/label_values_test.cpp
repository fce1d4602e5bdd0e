#include "una/words/label_values.h"

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::words {
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
  const auto error = [](const std::vector<std::string>& entries) -> std::string {
    try {
      LabelValues{entries};
    } catch (const InputError& problem) { return problem.what(); }
    return "";
  };
  const auto contains = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
  };
  EXPECT_TRUE(contains(error({"up=1"}), "--label_values: \"up=1\" is none of good=..., bad=..., none=..."));
  EXPECT_TRUE(contains(error({"good"}), "\"good\" is none of"));
  EXPECT_TRUE(contains(error({"good=1"}), "must name good and bad values"));
  EXPECT_TRUE(contains(error({"good=1|", "bad=0"}), "\"good=1|\" has an empty value"));
  EXPECT_TRUE(contains(error({"good=1", "bad=1.0"}), "\"1.0\" is given twice"));
}

}  // namespace
}  // namespace una::words
