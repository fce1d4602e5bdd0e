#pragma once

#include <optional>
#include <string>

namespace una::reward {

inline constexpr double kMathTolerance = 1e-6;  // relative

// What an answer ends up with: the inside of its last \boxed{...}; else what follows the last "####" on
// that line (GSM8K's mark); else "".
std::string marked_result(const std::string& text);

// The last number in running text, as it is written there: "1,234.5", "-3/4", "$12", "50%". "": none.
std::string last_number(const std::string& text);

// A number that is written alone: signs, thousands commas, decimals, exponents (1e-3, 2\times 10^{5}),
// fractions (3/4, \frac{3}{4}, \frac34, 1\frac{1}{2}), dollar and percent signs (50% is 50), with LaTeX's
// spacing around it. nullopt: something else.
std::optional<double> number_value(const std::string& text);

// True when the answer ends in the truth's result. The truth is a bare result or a solution that marks one;
// of the answer it is the marked result, else its last number. Two numbers agree within the relative
// tolerance; a percent sign on one side only may also mean hundredths. A truth that is not a number is compared with
// the answer's mark, or with the whole answer, by math::same_answer.
bool same_result(const std::string& answer, const std::string& truth, double tolerance);

// Lower case, without punctuation, the articles a, an, the, and needless white space (SQuAD's rule).
std::string loose_text(const std::string& text);

}  // namespace una::reward
