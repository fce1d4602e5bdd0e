#include "una/report/bar_line.h"

#include <gtest/gtest.h>

namespace una::report {
namespace {

BarState half_done() {
  return {
      .title = "training", .note = "loss 0.42", .done = 1.5e6, .total = 3e6, .elapsed = 65, .remaining = 64};
}

TEST(BarLine, ShowsTitleBarPercentWorkTimesAndNote) {
  EXPECT_EQ(bar_line(half_done(), 76, false),
            "training [==========>           ]  50 %  1.50M/3.00M  1:05 < 1:04  loss 0.42");
}

TEST(BarLine, NeverGetsWiderThanTheTerminal) {
  for (int columns = 1; columns < 120; ++columns) {
    EXPECT_LE(bar_line(half_done(), columns, false).size(), static_cast<std::size_t>(columns));
  }
}

TEST(BarLine, DropsTheNoteBeforeTheNumbers) {
  EXPECT_EQ(bar_line(half_done(), 50, false), "training [==>    ]  50 %  1.50M/3.00M  1:05 < 1:04");
}

TEST(BarLine, SaysWhatIsCounted) {
  BarState state = half_done();
  state.unit = "tokens";
  EXPECT_NE(bar_line(state, 100, false).find("1.50M/3.00M tokens  1:05"), std::string::npos);
}

TEST(BarLine, KnowsNoTimeLeftBeforeAnyWork) {
  BarState state = half_done();
  state.done = 0;
  EXPECT_NE(bar_line(state, 100, false).find("  0 %  0/3.00M  1:05 < ?"), std::string::npos);
}

TEST(BarLine, MoreWorkThanExpectedStaysAtAHundredPercent) {
  BarState state = half_done();
  state.done = 4e6;
  EXPECT_NE(bar_line(state, 100, true).find("100 %"), std::string::npos);
}

TEST(BarLine, AmountsHaveThreeDigits) {
  EXPECT_EQ(short_amount(0), "0");
  EXPECT_EQ(short_amount(9876), "9876");
  EXPECT_EQ(short_amount(12345), "12.3k");
  EXPECT_EQ(short_amount(999600), "1.00M");
  EXPECT_EQ(short_amount(1.26e6), "1.26M");
  EXPECT_EQ(short_amount(2.5e12), "2500G");
}

}  // namespace
}  // namespace una::report
