#include "una/eval/tasks/gpqa.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json_line.h"
#include "una/base/rng.h"
#include "una/text/python/regex.h"
#include "una/text/python/strings.h"

namespace una::eval {
namespace {

constexpr std::array kColumns = {"choice1", "choice2", "choice3", "choice4"};
const std::vector<std::string> kLetters = {"(A)", "(B)", "(C)", "(D)"};

// The harness's preprocess().
std::string cleaned(const std::string& text) {
  static const text::python::Regex kTitle(R"( \[title\])"), kBrackets(R"(\[.*?\])"), kSpaces("  ");
  const std::string trimmed(text::python::strip(text));
  return kSpaces.replace(kBrackets.replace(kTitle.replace(trimmed, ". "), ""), " ");
}

// An answer that the file leaves empty is a space to the harness.
std::string choice_of(const rows::JsonRow& row, const char* name) {
  const bool empty = row.json.contains(name) && row.json[name].is_null();
  return empty ? " " : cleaned(text_field(row, name));
}

struct Choices {
  std::array<std::string, 4> texts;
  std::int64_t gold = -1;
};

Choices shuffled(const rows::JsonRow& row, std::int64_t number) {
  const std::array<std::string, 4> texts = {
      choice_of(row, "Incorrect Answer 1"), choice_of(row, "Incorrect Answer 2"),
      choice_of(row, "Incorrect Answer 3"), choice_of(row, "Correct Answer")};
  std::array<std::size_t, 4> order = {0, 1, 2, 3};
  Rng rng(0, stream_id("gpqa"), static_cast<std::uint64_t>(number));
  for (std::size_t i = 3; i > 0; --i) { std::swap(order[i], order[rng.below(i + 1)]); }
  Choices out;
  for (std::size_t i = 0; i < 4; ++i) { out.texts[i] = texts[order[i]]; }
  // Where two choices read the same, the first one is right, as upstream.
  out.gold = std::find(out.texts.begin(), out.texts.end(), texts[3]) - out.texts.begin();
  return out;
}

Choices choices_of(const rows::JsonRow& row, std::int64_t number) {
  if (!row.json.is_object() || !row.json.contains("choice1")) { return shuffled(row, number); }
  Choices out;
  for (std::size_t i = 0; i < 4; ++i) { out.texts[i] = text_field(row, kColumns[i]); }
  const auto found = std::find(kLetters.begin(), kLetters.end(), text_field(row, "answer"));
  if (found != kLetters.end()) { out.gold = found - kLetters.begin(); }
  return out;
}

Subtask load_subtask(const TaskFiles& files, const std::string& stem) {
  Subtask subtask{.name = stem, .chance = 0.25, .items = {}};
  for (const rows::JsonRow& row : files.questions(stem)) {
    const std::int64_t number = std::ssize(subtask.items);
    const Choices choices = choices_of(row, number);
    std::string context =
        cat("What is the correct answer to this question:", text_field(row, "Question"), "\nChoices:");
    for (std::size_t i = 0; i < 4; ++i) { context += cat("\n", kLetters[i], " ", choices.texts[i]); }
    subtask.items.push_back({.where = row.where,
                             .number = number,
                             .context = context + "\nAnswer: ",
                             .choices = kLetters,
                             .gold = choices.gold,
                             .row = {}});
  }
  return subtask;
}

}  // namespace

std::vector<Subtask> load_gpqa(const TaskFiles& files) {
  std::vector<Subtask> subtasks;
  for (const std::string& stem : files.stems_with("gpqa")) {
    if (stem == "gpqa" || starts_with(stem, "gpqa_")) { subtasks.push_back(load_subtask(files, stem)); }
  }
  check_input(!subtasks.empty(), files.folder(), " has no rows for gpqa (gpqa.jsonl or gpqa_NAME.jsonl)");
  return subtasks;
}

void write_gpqa_sample(const std::string& folder) {
  std::string lines;
  for (int i = 0; i < 8; ++i) {
    const int a = 3 + i, b = 2 + 2 * i, gold = i % 4;
    Json row{{"Question", cat("A cart of ", a, " kg moves at ", b, " m/s. What is its momentum in kg m/s?")}};
    for (int choice = 0; choice < 4; ++choice) {
      row[kColumns[static_cast<std::size_t>(choice)]] = std::to_string(a * b + 3 * (choice - gold));
    }
    row["answer"] = kLetters[static_cast<std::size_t>(gold)];
    lines += json_line(row);
  }
  write_file(folder + "/gpqa.jsonl", lines);
}

}  // namespace una::eval
