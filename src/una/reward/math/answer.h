#pragma once

#include <string>

namespace una::reward::math {

// Whether an answer says what the right one says: the one home of mathematical equality, for the reward `math` and the
// task math_hard. Numbers and formulas exactly, or to 60 digits; to 6 decimal places where one side is written as a
// decimal; formulas with letters at random complex points; sets in any order; tuples, intervals with their brackets,
// unions, matrices; equations up to a factor, inequalities up to a positive one; "x = 3" as its value where the other
// side is one. A percent sign on one side only may mean hundredths or nothing. What cannot be read as mathematics must
// be the same text. Never true because something took too long: all work is bounded.
bool same_answer(const std::string& right, const std::string& answer);

// Whether two formulas have one value, exactly or to 60 digits, with letters at random points. False where one of them is
// a list, an equation or no formula.
bool same_value(const std::string& a, const std::string& b);

// Whether same_answer would read it as mathematics.
bool is_mathematics(const std::string& answer);

}  // namespace una::reward::math
