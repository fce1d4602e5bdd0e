#include "una/demo/arithmetic/arithmetic.h"

#include "una/base/error.h"
#include "una/base/format.h"

namespace una::demo::arithmetic {
namespace {

constexpr int kMostSteps = 4, kLargestNumber = 9, kLargestValue = 30;

int apply(int value, const Step& step) {
  return step.sign == '+' ? value + step.number : value - step.number;
}

int draw_number(Rng& rng) { return 1 + static_cast<int>(rng.below(kLargestNumber)); }

// A step that keeps the value in its range.
Step draw_step(int value, Rng& rng) {
  Step step;
  do {
    step = {.sign = rng.below(2) == 0 ? '+' : '-', .number = draw_number(rng)};
  } while (apply(value, step) < 0 || apply(value, step) > kLargestValue);
  return step;
}

KeyedPrompt draw_prompt(Rng& rng) {
  const std::uint64_t kind = rng.below(10);
  const std::uint64_t steps = kind == 0 ? 1 : 2 + kind % (kMostSteps - 1);
  Problem problem{.first = draw_number(rng), .steps = {}};
  int value = problem.first;
  for (std::uint64_t i = 0; i < steps; ++i) {
    problem.steps.push_back(draw_step(value, rng));
    value = apply(value, problem.steps.back());
  }
  return {problem.text(), problem.text()};
}

std::optional<int> whole_number(std::string_view text) {
  if (text.empty() || text.size() > 6) { return std::nullopt; }
  int value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') { return std::nullopt; }
    value = 10 * value + (c - '0');
  }
  return value;
}

bool is_sign(std::string_view text) { return text == "+" || text == "-"; }

Problem read(std::string_view text) {
  const std::optional<Problem> problem = parse_problem(text);
  check(problem.has_value(), "arithmetic: a prompt of another task");
  return *problem;
}

}  // namespace

std::string Problem::text() const {
  std::string out = std::to_string(first);
  for (const Step& step : steps) { out += cat(" ", step.sign, " ", step.number); }
  return out + " =";
}

std::vector<int> Problem::values() const {
  std::vector<int> out;
  int value = first;
  for (const Step& step : steps) { out.push_back(value = apply(value, step)); }
  return out;
}

std::optional<Problem> parse_problem(std::string_view text) {
  const std::vector<std::string> parts = split(text, ' ');
  if (parts.size() < 4 || parts.size() % 2 != 0 || parts.back() != "=") { return std::nullopt; }
  const std::optional<int> first = whole_number(parts[0]);
  if (!first) { return std::nullopt; }
  Problem problem{.first = *first, .steps = {}};
  for (std::size_t i = 1; i + 1 < parts.size(); i += 2) {
    const std::optional<int> number = whole_number(parts[i + 1]);
    if (!is_sign(parts[i]) || !number) { return std::nullopt; }
    problem.steps.push_back({.sign = parts[i][0], .number = *number});
  }
  return problem;
}

Task task() {
  return {.name = "arithmetic",
          .summary = "sums and differences step by step, with verifiable answers",
          .make_prompts =
              [](std::int64_t n, std::uint64_t seed, Split split) {
                return draw_prompts(n, seed, split, "demo/arithmetic", draw_prompt);
              },
          .make_answer = [](std::string_view prompt, double quality,
                            Rng& rng) { return make_answer(read(prompt), quality, rng); },
          .gold = [](std::string_view prompt,
                     std::string_view answer) { return gold(mark(read(prompt), answer)); },
          .quality = {.lowest = 0.4, .highest = 1},
          .max_new_tokens = 64};
}

}  // namespace una::demo::arithmetic
