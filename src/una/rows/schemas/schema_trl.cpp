#include <utility>

#include "una/base/format.h"
#include "una/rows/drops.h"
#include "una/rows/schemas/fields.h"
#include "una/rows/schemas/schemas.h"
#include "una/words/columns.h"

// TRL's shapes (its dataset formats document), also under the native names: prompt may be `messages`.
namespace una::rows {
namespace {

const char* prompt_field(const Json& row) { return first_of(row, {"prompt", "messages"}); }
const char* completion_field(const Json& row) { return first_of(row, {"completion", "response"}); }

// Not the feedback that a prompt may carry, as a reward that other samples got.
bool is_mark_of_answer(const std::string& key) {
  return key == "label" || key == "score" || key == "winner" || key == "preference" || key == "preferred";
}

// Whether the row has, or should have, an answer.
bool has_answer_field(const Json& row) {
  bool marked = false, null_answer = false;
  for (const auto& [key, value] : row.items()) {
    const words::Column* column = words::find_column(key);
    if (column == nullptr) { continue; }
    const bool answer = column->is(words::Column::kAnswer) || column->alias_of == "completion";
    if (value.is_null()) {
      null_answer = null_answer || answer;
      continue;
    }
    if (answer || key == "completions" || key == "answers" || is_mark_of_answer(key)) { return true; }
    marked = marked || column->is_feedback();
  }
  return marked && null_answer;
}

void add_pair(ReadRow& out, Text chosen, Text rejected) {
  out.example.unit = Unit::kPair;
  out.example.responses.push_back(response_of(std::move(chosen)));
  out.example.responses.push_back(response_of(std::move(rejected)));
}

// Of turns without an answer.
void check_no_marks(const RowView& row, const char* turns) {
  for (const auto& [key, value] : row.json.items()) {
    if (value.is_null() || !is_mark_of_answer(key)) { continue; }
    bad_field(row, key,
              cat("is the mark of an answer, but no turn of \"", turns, "\" has the role assistant"));
  }
}

bool starts_with_user(const Text& text) {
  return text.is_chat && !text.messages.empty() && text.messages[0].role != "assistant";
}

}  // namespace

bool fits_pair_strings(const Json& row) {
  return prompt_field(row) != nullptr && has_string(row, "chosen") && has_string(row, "rejected");
}

bool fits_pair_chat(const Json& row) {
  return prompt_field(row) != nullptr && has_all(row, {"chosen", "rejected"});
}

void read_pair(const RowView& row, ReadRow& out) {
  Text prompt = text_field(row, prompt_field(row.json));
  Text chosen = text_field(row, "chosen");
  Text rejected = text_field(row, "rejected");
  // UltraFeedback binarized: lists that begin with the user's turn hold the whole prompt already.
  const bool whole = !prompt.is_chat && starts_with_user(chosen) && starts_with_user(rejected);
  if (whole && !extract_prompt(chosen, rejected, prompt)) { out.drop = kNoSharedPrompt; }
  out.example.prompt = std::move(prompt);
  add_pair(out, std::move(chosen), std::move(rejected));
}

bool fits_implicit_pair(const Json& row) { return has_all(row, {"chosen", "rejected"}); }

void read_implicit_pair(const RowView& row, ReadRow& out) {
  Text chosen = text_field(row, "chosen");
  Text rejected = text_field(row, "rejected");
  if (chosen.is_chat != rejected.is_chat) {
    bad_field(row, "rejected", "must be of the same kind as \"chosen\"");
  }
  if (text_key(chosen) == text_key(rejected)) {
    out.drop = kSameAnswers;
  } else if (!extract_prompt(chosen, rejected, out.example.prompt)) {
    out.drop = kNoSharedPrompt;
  }
  add_pair(out, std::move(chosen), std::move(rejected));
}

bool fits_prompt_completion(const Json& row) {
  return prompt_field(row) != nullptr && completion_field(row) != nullptr;
}

void read_prompt_completion(const RowView& row, ReadRow& out) {
  out.example.unit = Unit::kSft;
  out.example.prompt = text_field(row, prompt_field(row.json));
  out.example.responses.push_back(response_of(text_field(row, completion_field(row.json))));
}

bool fits_messages(const Json& row) { return has_list(row, "messages"); }

void read_messages(const RowView& row, ReadRow& out) {
  read_conversation(row, messages_value(row, need(row, "messages"), "messages"), "messages", out);
}

void read_conversation(const RowView& row, std::vector<Message> turns, const char* field, ReadRow& out) {
  std::vector<Message> answer = split_answer(turns, out.behind);
  out.example.prompt = chat_text(std::move(turns));
  out.example.unit = answer.empty() ? Unit::kPrompt : Unit::kSft;
  if (!answer.empty()) {
    out.example.responses.push_back(response_of(chat_text(std::move(answer))));
  } else if (is_blank(out.example.prompt)) {
    out.drop = "empty prompt";
  } else {
    check_no_marks(row, field);
  }
}

bool fits_text(const Json& row) { return has_string(row, "text"); }

void read_text(const RowView& row, ReadRow& out) {
  out.example.unit = Unit::kSft;
  out.example.responses.push_back(response_of(plain_text(string_field(row, "text"))));
}

bool fits_prompt_only(const Json& row) { return has(row, "prompt") && !has_answer_field(row); }

void read_prompt_only(const RowView& row, ReadRow& out) {
  out.example.unit = Unit::kPrompt;
  out.example.prompt = text_field(row, "prompt");
  if (is_blank(out.example.prompt)) { out.drop = "empty prompt"; }
}

}  // namespace una::rows
