#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "una/base/json.h"
#include "una/core/example.h"
#include "una/eval/ifeval/punkt.h"

// IFEval's 25 kinds of instructions (Zhou et al. 2023), each with a rule that a program can check. The rules are those of
// lm-evaluation-harness 0.4.13 (tasks/ifeval/instructions.py), including what is odd in them; Python's strings and
// regular expressions come from text/python.
namespace una::eval::ifeval {

// Whether an answer that is not blank follows one instruction.
using Checker = std::function<bool(const std::string& answer)>;

// `id`: "keywords:existence"; `kwargs`: its arguments, where null, "", 0 and [] count as absent. `punkt` may be null:
// sentences then end at ".", "?" and "!", and words are cut at white space; it outlives the checker. InputError at
// `where` for an unknown id and for an absent argument (the harness would draw one at random).
Checker make_checker(const std::string& id, const Json& kwargs, const Punkt* punkt, const Where& where);

bool needs_punkt(const std::string& id);  // whether the verdict may differ without it
std::vector<std::string> instruction_ids();

// The verdicts on one answer, an instruction each.
struct Verdicts {
  std::vector<bool> strict, loose;
};
// Strict: the answer as it is. Loose: also without its first line, its last line or both, and each of these without
// asterisks. A blank text follows nothing.
Verdicts check_answer(const std::vector<Checker>& checkers, const std::string& answer);

}  // namespace una::eval::ifeval
