#pragma once

#include <string>

namespace una::reward::math {

// Minerva's check (Lewkowycz et al. 2022, appendix D), lm-evaluation-harness's exact_match_original of math_hard: what
// follows "Final Answer: The final answer is", through a fixed list of replacements, must be the last \boxed{...} of the
// solution, as text or as a formula of the same value.
bool same_by_minerva(const std::string& solution, const std::string& answer);

// The fixed list of replacements.
std::string normalised_by_minerva(const std::string& final_answer);

}  // namespace una::reward::math
