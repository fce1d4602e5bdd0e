#include "una/eval/tasks/mmlu_pro.h"

#include <algorithm>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json_line.h"

namespace una::eval {
namespace {

constexpr std::int64_t kExamples = 5;

std::vector<std::string> letters(std::size_t count) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < count; ++i) { out.emplace_back(1, static_cast<char>('A' + i)); }
  return out;
}

std::vector<std::string> options_of(const rows::JsonRow& row) {
  std::vector<std::string> options = list_field(row, "options");
  check_input(options.size() <= 26, row.where.text(), ": field \"options\" has more than 26 choices");
  return options;
}

std::string question(const rows::JsonRow& row) {
  std::string text = text_field(row, "question") + "\n";
  const std::vector<std::string> options = options_of(row);
  for (std::size_t i = 0; i < options.size(); ++i) {
    text += cat(static_cast<char>('A' + i), ". ", options[i], "\n");
  }
  return text + "Answer:";
}

// The first rows of the validation file, for every question alike.
std::string examples(const TaskFiles& files) {
  const std::vector<rows::JsonRow> rows = files.all("mmlu_pro_validation");
  check_input(std::ssize(rows) >= kExamples, rows.front().where.file, ": the file has ", rows.size(),
              " rows, but ", kExamples, " are the examples of every question");
  std::string text;
  for (std::size_t i = 0; i < kExamples; ++i) {
    text += cat(question(rows[i]), " ", text_field(rows[i], "answer"), "\n\n");
  }
  return text;
}

}  // namespace

std::vector<Subtask> load_mmlu_pro(const TaskFiles& files) {
  Subtask subtask{.name = "mmlu_pro", .chance = 0.1, .items = {}};
  const std::vector<rows::JsonRow> rows = files.questions("mmlu_pro_test");
  const std::string shots = examples(files);
  for (const rows::JsonRow& row : rows) {
    Item item{.where = row.where,
              .number = std::ssize(subtask.items),
              .context = shots + question(row),
              .choices = letters(options_of(row).size()),
              .gold = -1,
              .row = {}};
    const auto found = std::find(item.choices.begin(), item.choices.end(), text_field(row, "answer"));
    if (found != item.choices.end()) { item.gold = found - item.choices.begin(); }
    subtask.items.push_back(std::move(item));
  }
  return {subtask};
}

void write_mmlu_pro_sample(const std::string& folder) {
  const auto rows = [](int from, int to) {
    std::string lines;
    for (int i = from; i < to; ++i) {
      const int gold = (3 * i) % 10, value = 7 * i + 4;
      Json options = Json::array();
      for (int choice = 0; choice < 10; ++choice) {
        options.push_back(std::to_string(value + choice - gold));
      }
      lines += json_line(
          {{"question_id", i},
           {"question", cat("A shelf holds 4 books and ", i, " boxes of 7 books. How many books are there?")},
           {"options", options},
           {"answer", std::string(1, static_cast<char>('A' + gold))},
           {"answer_index", gold},
           {"category", "other"}});
    }
    return lines;
  };
  write_file(folder + "/mmlu_pro_validation.jsonl", rows(0, 6));
  write_file(folder + "/mmlu_pro_test.jsonl", rows(6, 18));
}

}  // namespace una::eval
