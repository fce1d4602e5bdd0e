#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "una/base/rng.h"
#include "una/demo/task.h"

// The task `arithmetic`: sums and differences step by step, whose answers are verifiable, e.g.
//   prompt  7 + 15 - 4 =
//   answer  7 + 15 = 22, 22 - 4 = 18
namespace una::demo::arithmetic {

Task task();  // its row of the table

// One operation on the value so far.
struct Step {
  char sign = '+';  // + or -
  int number = 0;
  bool operator==(const Step&) const = default;
};

// What is to be computed, from left to right. From make_prompts: 1 to 4 steps (about a tenth of the prompts has one, and as
// many have two as three or four, until the short ones run out: some hundreds of each split), numbers from 1 to 9, every
// value on the way from 0 to 30.
struct Problem {
  int first = 0;
  std::vector<Step> steps;

  std::string text() const;         // 7 + 15 - 4 =
  std::vector<int> values() const;  // after each step
};

// The inverse of Problem::text(); nullopt when the text is not such a prompt.
std::optional<Problem> parse_problem(std::string_view text);

// Every step in full. `frame` 0: "7 + 15 = 22, 22 - 4 = 18"; 1: "7 + 15 = 22 and 22 - 4 = 18, so 18".
std::string ideal_answer(const Problem& problem, int frame);

// An answer of the given quality: each step goes wrong with probability (1 - quality) / 2, by its result, its number, its
// sign or because it is left out, and what follows goes on from there. Quality 1 is flawless. `quality` must be in [0, 1]
// (InternalError).
std::string make_answer(const Problem& problem, double quality, Rng& rng);

// What an answer holds.
struct Marks {
  int right_steps = 0;
  int steps = 0;  // the problem's or the answer's, whichever are more
  bool is_result_right = false;
  bool operator==(const Marks&) const = default;
};

// Exact for any bytes. An answer's steps are its parts of the form "a + b = c" and "a - b = c", which may share a number
// (a + b = c - d = e). One is right if
//   sign and b are those of a step of the problem after the one that the last right step took,
//   a is the true value before it or the result that the answer wrote last, and
//   c is what a and b give.
// So a wrong result costs its own step and the final number, not the steps that follow from it. The final number is the
// last one written. Numbers have at most 6 digits; longer ones are not read as numbers.
Marks mark(const Problem& problem, std::string_view answer);

// 0.6 times the share of right steps, and 0.4 for the final number.
double gold(const Marks& marks);

}  // namespace una::demo::arithmetic
