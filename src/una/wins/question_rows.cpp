#include "una/wins/question_rows.h"

#include <algorithm>
#include <map>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json_line.h"
#include "una/rows/schemas/schema.h"

namespace una::wins {
namespace {

Text prompt_text(const std::string& text, bool is_chat) {
  Text out{.is_chat = is_chat, .plain = "", .messages = {}};
  if (is_chat) {
    out.messages = {{.role = "user", .content = text, .extra = ""}};
  } else {
    out.plain = text;
  }
  return out;
}

QuestionRow asked(const Where& where, Text prompt) {
  QuestionRow row{.where = where};
  row.prompt.where = where;
  row.prompt.unit = Unit::kPrompt;
  row.prompt.prompt = std::move(prompt);
  return row;
}

std::vector<QuestionRow> read_prompts(const eval::TaskFiles& files, bool apply_chat_template) {
  std::vector<QuestionRow> out;
  for (const rows::JsonRow& row : files.questions("prompts")) {
    const rows::ReadRow read = rows::read_row(
        row.json, row.where, {.apply_chat_template = apply_chat_template, .prompts_only = true});
    check_input(read.drop.empty(), row.where.text(), ": ", read.drop);
    QuestionRow question = asked(row.where, read.example.prompt);
    question.prompt.tools = read.example.tools;
    question.prompt.template_kwargs = read.example.template_kwargs;
    if (read.example.ground_truth) { question.references = {*read.example.ground_truth}; }
    out.push_back(std::move(question));
  }
  return out;
}

std::vector<QuestionRow> read_alpaca(const eval::TaskFiles& files, bool apply_chat_template) {
  std::vector<QuestionRow> out;
  for (const rows::JsonRow& row : files.questions("alpaca_eval")) {
    out.push_back(asked(row.where, prompt_text(eval::text_field(row, "instruction"), apply_chat_template)));
    out.back().category = row.json.contains("dataset") ? eval::text_field(row, "dataset") : "";
    if (!row.json.contains("output")) { continue; }
    out.back().other = eval::text_field(row, "output");
    out.back().other_name =
        row.json.contains("generator") ? eval::text_field(row, "generator") : "the file's answers";
  }
  return out;
}

// FastChat's temperatures for answers.
double bench_temperature(const std::string& category) {
  if (category == "writing" || category == "roleplay") { return 0.7; }
  return category == "stem" || category == "humanities" ? 0.1 : 0;
}

std::map<std::int64_t, std::vector<std::string>> read_references(const eval::TaskFiles& files) {
  std::map<std::int64_t, std::vector<std::string>> out;
  if (!files.has("reference_answer")) { return out; }
  for (const rows::JsonRow& row : files.all("reference_answer")) {
    const auto choices = row.json.find("choices");
    const bool good = choices != row.json.end() && choices->is_array() && !choices->empty() &&
                      (*choices)[0].is_object() && (*choices)[0].contains("turns");
    check_input(good, row.where.text(), ": choices[0].turns, the answers of both turns, is missing");
    out[eval::integer_field(row, "question_id")] =
        eval::list_field({.json = (*choices)[0], .where = row.where}, "turns");
  }
  return out;
}

std::vector<QuestionRow> read_bench(const eval::TaskFiles& files) {
  const std::map<std::int64_t, std::vector<std::string>> references = read_references(files);
  std::vector<QuestionRow> out;
  for (const rows::JsonRow& row : files.questions("question")) {
    const std::vector<std::string> turns = eval::list_field(row, "turns");
    check_input(!turns.empty(), row.where.text(), ": turns is empty");
    QuestionRow question = asked(row.where, prompt_text(turns[0], true));
    question.later_turns.assign(turns.begin() + 1, turns.end());
    question.category = eval::text_field(row, "category");
    question.temperature = bench_temperature(question.category);
    const auto reference = references.find(eval::integer_field(row, "question_id"));
    if (reference != references.end()) { question.references = reference->second; }
    out.push_back(std::move(question));
  }
  return out;
}

}  // namespace

std::vector<std::string> win_tasks() { return {"win_rate", "alpaca_eval", "mt_bench"}; }

std::vector<QuestionRow> read_questions(const std::string& task, const eval::TaskFiles& files,
                                        bool apply_chat_template) {
  std::vector<QuestionRow> rows = task == "win_rate"      ? read_prompts(files, apply_chat_template)
                                  : task == "alpaca_eval" ? read_alpaca(files, apply_chat_template)
                                                          : read_bench(files);
  check_input(!rows.empty(), files.folder(), ": ", task, " has no row to ask");
  return rows;
}

void write_question_sample(const std::string& folder) {
  static constexpr const char* kThings[] = {"a bridge", "a river", "rain", "a clock", "bread", "a lamp"};
  static constexpr const char* kCategories[] = {"writing", "roleplay", "reasoning",
                                                "math",    "stem",     "humanities"};
  std::string prompts, alpaca, bench, references;
  for (int i = 0; i < 6; ++i) {
    const std::string question = cat("Say in one sentence what ", kThings[i], " is for.");
    prompts += json_line({{"prompt", question}});
    alpaca += json_line({{"instruction", question},
                         {"output", cat("It is hard to say what ", kThings[i], " is for.")},
                         {"generator", "a plain writer"},
                         {"dataset", i % 2 == 0 ? "helpful_base" : "oasst"}});
    bench += json_line({{"question_id", 81 + i},
                        {"category", kCategories[i]},
                        {"turns", {question, "Say it again in five words."}}});
    if (i == 2 || i == 3) {
      references += json_line(
          {{"question_id", 81 + i},
           {"choices", {{{"index", 0}, {"turns", {"People need it.", "People need it very much."}}}}}});
    }
  }
  write_file(folder + "/prompts.jsonl", prompts);
  write_file(folder + "/alpaca_eval.jsonl", alpaca);
  write_file(folder + "/question.jsonl", bench);
  write_file(folder + "/reference_answer.jsonl", references);
}

}  // namespace una::wins
