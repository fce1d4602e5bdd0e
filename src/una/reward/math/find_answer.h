#pragma once

#include <string>

namespace una::reward::math {

// What a text gives as its answer, found in the order of the package math-verify 0.9: "final answer is ... I hope",
// "final answer ... is" and \boxed{...}, "answer: ...", "answer ...", then the last formula or number of all; of each
// kind the rightmost that reads as mathematics.
struct FoundAnswer {
  std::string formula;   // "": nothing was found that can be read
  std::string fallback;  // the first text that was looked at, readable or not; "": none
};
// `formulas_only`: numbers and expressions outside of LaTeX are not looked for (the right answer's text).
FoundAnswer find_answer(const std::string& text, bool formulas_only);

// Whether an answer's text ends in what the solution's text ends in: lm-evaluation-harness's exact_match of math_hard.
bool same_solution(const std::string& solution, const std::string& answer);

}  // namespace una::reward::math
