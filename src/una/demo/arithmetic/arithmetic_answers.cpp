#include <algorithm>
#include <array>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/demo/arithmetic/arithmetic.h"

namespace una::demo::arithmetic {
namespace {

// One step as it is written.
struct Line {
  int left = 0;
  Step step;
  int result = 0;
};

constexpr int kFaults = 4;  // result, number, sign, left out

int true_result(const Line& line) {
  return line.step.sign == '+' ? line.left + line.step.number : line.left - line.step.number;
}

// Off by one, two or ten, and never below zero.
int wrong_result(int result, Rng& rng) {
  static constexpr std::array<int, 3> kSlips = {1, 2, 10};
  const int slip = kSlips.at(rng.below(kSlips.size()));
  return rng.below(2) == 0 || result < slip ? result + slip : result - slip;
}

// Spoils a line by fault 0, 1 or 2; its result stays what the changed line gives, except for fault 0.
void spoil(Line& line, std::uint64_t fault, Rng& rng) {
  const Step before = line.step;
  if (fault == 1) { line.step.number = 1 + (line.step.number + static_cast<int>(rng.below(8))) % 9; }
  if (fault == 2) { line.step.sign = line.step.sign == '+' ? '-' : '+'; }
  line.result = true_result(line);
  if (fault == 0 || line.result < 0 || line.step == before) {
    line.step = before;
    line.result = wrong_result(std::max(0, true_result(line)), rng);
  }
}

std::string written(const std::vector<Line>& lines, int result, int frame) {
  std::vector<std::string> parts;
  for (const Line& line : lines) {
    parts.push_back(cat(line.left, " ", line.step.sign, " ", line.step.number, " = ", line.result));
  }
  if (frame == 0) { return parts.empty() ? std::to_string(result) : join(parts, ", "); }
  return cat(join(parts, " and "), parts.empty() ? "so " : ", so ", result);
}

}  // namespace

std::string ideal_answer(const Problem& problem, int frame) {
  std::vector<Line> lines;
  int value = problem.first;
  for (const Step& step : problem.steps) {
    lines.push_back({.left = value, .step = step});
    lines.back().result = value = true_result(lines.back());
  }
  return written(lines, value, frame);
}

std::string make_answer(const Problem& problem, double quality, Rng& rng) {
  check(quality >= 0 && quality <= 1, "make_answer: quality outside [0, 1]");
  std::vector<Line> lines;
  int value = problem.first;
  for (const Step& step : problem.steps) {
    Line line{.left = value, .step = step};
    line.result = true_result(line);
    const bool is_wrong = rng.uniform() < (1 - quality) / 2;
    const std::uint64_t fault = is_wrong ? rng.below(kFaults) : kFaults;
    if (fault < 3) { spoil(line, fault, rng); }
    value = line.result = std::max(0, line.result);
    if (fault != 3) { lines.push_back(line); }
  }
  return written(lines, value, static_cast<int>(rng.below(2)));
}

}  // namespace una::demo::arithmetic
