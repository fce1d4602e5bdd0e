#pragma once

#include <string>

namespace una::report {

// What a progress bar shows at one moment.
struct BarState {
  std::string title, note, unit;  // of done and total; "": a share
  double done = 0, total = 0;
  double elapsed = 0, remaining = 0;  // seconds
};

// "training  [=====>    ]  42 %  1.26M/3.00M  0:12 < 0:17  loss 0.42" in at most `columns` columns: the bar
// shrinks first, then the note goes, then the end is cut. `fancy`: block characters (UTF-8) for the bar.
std::string bar_line(const BarState& state, int columns, bool fancy);

// 987 -> "987", 12345 -> "12.3k", 1260000 -> "1.26M".
std::string short_amount(double amount);

}  // namespace una::report
