#include "una/eval/tasks/math_hard.h"

#include <map>

#include "una/base/ascii.h"
#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json_line.h"
#include "una/reward/math/find_answer.h"
#include "una/reward/math/minerva.h"

namespace una::eval {
namespace {

constexpr const char* kLevel = "Level 5";
constexpr std::int64_t kExamples = 4;

class MathScorer final : public TextScorer {
 public:
  std::vector<MetricPart> score(const Item& item, const std::string& answer) const override {
    const std::string solution = item.row["solution"].get<std::string>();
    return {{"exact_match", reward::math::same_solution(solution, answer) ? 1.0 : 0.0, 1},
            {"exact_match_original", reward::math::same_by_minerva(solution, answer) ? 1.0 : 0.0, 1}};
  }
};

std::string question(const rows::JsonRow& row) {
  return cat("Problem:\n", text_field(row, "problem"), "\n\nSolution:");
}

std::string examples(const TaskFiles& files) {
  const std::vector<rows::JsonRow> rows = files.all("math_fewshot");
  check_input(std::ssize(rows) == kExamples, rows.front().where.file, ": the file has ", rows.size(),
              " rows, but there are ", kExamples, " examples");
  std::string text;
  for (const rows::JsonRow& row : rows) {
    text += cat(question(row), " ", text_field(row, "solution"), "\n\n");
  }
  return text;
}

// "Counting & Probability" -> "math_counting_probability"
std::string subtask_name(const std::string& type) {
  std::string name = "math";
  for (const std::string& word : split(type, ' ')) {
    std::string plain;
    for (const char c : word) {
      if (std::isalnum(static_cast<unsigned char>(c)) != 0) { plain += lower_ascii(c); }
    }
    if (!plain.empty()) { name += "_" + plain; }
  }
  return name;
}

}  // namespace

std::vector<Subtask> load_math_hard(const TaskFiles& files) {
  const std::string shots = examples(files);
  std::map<std::string, Subtask> subtasks;
  for (const std::string& stem : files.stems_with("math_")) {
    if (stem == "math_fewshot" || stem == "math_train") { continue; }
    for (const rows::JsonRow& row : files.all(stem)) {
      if (text_field(row, "level") != kLevel) { continue; }
      const std::string name = subtask_name(text_field(row, "type"));
      Subtask& subtask = subtasks[name];
      subtask.name = name;
      if (files.limit() > 0 && std::ssize(subtask.items) == files.limit()) { continue; }
      subtask.items.push_back({.where = row.where,
                               .number = std::ssize(subtask.items),
                               .context = shots + question(row),
                               .choices = {},
                               .gold = -1,
                               .row = {{"solution", text_field(row, "solution")}}});
    }
  }
  check_input(!subtasks.empty(), files.folder(), " has no rows of ", kLevel,
              " for math_hard (math_test.jsonl or math_NAME.jsonl)");
  std::vector<Subtask> out;
  for (auto& [name, subtask] : subtasks) { out.push_back(std::move(subtask)); }
  return out;
}

std::unique_ptr<TextScorer> make_math_hard_scorer(const std::vector<Subtask>&, const ScorerOptions&) {
  return std::make_unique<MathScorer>();
}

void write_math_hard_sample(const std::string& folder) {
  const auto row = [](int a, int b, const char* type, bool shot) {
    const int sum = a * b + a;
    std::string solution = cat("The product is $", a, " \\cdot ", b, " = ", a * b, "$, and with ", a,
                               " more it is $\\boxed{", sum, "}$.");
    if (shot) { solution += cat("\nFinal Answer: The final answer is $", sum, "$. I hope it is correct."); }
    return json_line({{"problem", cat("What is $", a, " \\cdot ", b, " + ", a, "$?")},
                      {"level", kLevel},
                      {"type", type},
                      {"solution", solution}});
  };
  std::string shots, questions;
  for (int i = 0; i < 4; ++i) { shots += row(3 + i, 7 - i, "Prealgebra", true); }
  for (int i = 0; i < 8; ++i) {
    questions += row(4 + i, 9 + i, i % 2 == 0 ? "Prealgebra" : "Number Theory", false);
  }
  write_file(folder + "/math_fewshot.jsonl", shots);
  write_file(folder + "/math_test.jsonl", questions);
}

}  // namespace una::eval
