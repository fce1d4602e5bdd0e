#include <utility>

#include "una/rows/drops.h"
#include "una/rows/schemas/fields.h"
#include "una/rows/schemas/schemas.h"

// LLaMA-Factory's rows: alpaca and ShareGPT styles, their pairs and ranked lists, and the messages pairs of its
// next format.
namespace una::rows {
namespace {

std::string optional_string(const RowView& row, const char* key) {
  return has(row.json, key) ? string_field(row, key) : "";
}

// instruction + input; with a system text or a history of [question, answer] it becomes a chat.
Text alpaca_prompt(const RowView& row) {
  std::string question = string_field(row, "instruction");
  const std::string input = optional_string(row, "input");
  if (!input.empty()) { question += "\n" + input; }
  const std::string system = optional_string(row, "system");
  const bool has_history = has_list(row.json, "history") && !row.json["history"].empty();
  if (system.empty() && !has_history) { return plain_text(std::move(question)); }
  std::vector<Message> turns;
  if (!system.empty()) { turns.push_back({"system", system, ""}); }
  if (has_history) {
    for (const Json& pair : need(row, "history")) {
      if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string()) {
        wrong_type(row, "history", "a list of [question, answer]", pair);
      }
      turns.push_back({"user", pair[0].get<std::string>(), ""});
      turns.push_back({"assistant", pair[1].get<std::string>(), ""});
    }
  }
  turns.push_back({"user", std::move(question), ""});
  return chat_text(std::move(turns));
}

std::vector<Message> conversation(const RowView& row) {
  std::vector<Message> turns = messages_value(row, need(row, "conversations"), "conversations");
  const std::string system = optional_string(row, "system");
  if (!system.empty()) { turns.insert(turns.begin(), Message{"system", system, ""}); }
  return turns;
}

void add_answer(Text answer, ReadRow& out) {
  out.example.unit = Unit::kSft;
  out.example.responses.push_back(response_of(std::move(answer)));
}

void add_pair(const RowView& row, const char* chosen, const char* rejected, ReadRow& out) {
  out.example.unit = Unit::kPair;
  out.example.responses.push_back(response_of(text_field(row, chosen)));
  out.example.responses.push_back(response_of(text_field(row, rejected)));
}

}  // namespace

bool fits_lf_messages_pair(const Json& row) {
  return has_list(row, "chosen_messages") && has_list(row, "rejected_messages");
}

void read_lf_messages_pair(const RowView& row, ReadRow& out) {
  out.example.unit = Unit::kPair;
  Text chosen = text_field(row, "chosen_messages");
  Text rejected = text_field(row, "rejected_messages");
  if (text_key(chosen) == text_key(rejected)) {
    out.drop = kSameAnswers;
  } else if (!extract_prompt(chosen, rejected, out.example.prompt)) {
    out.drop = kNoSharedPrompt;
  }
  out.example.responses.push_back(response_of(std::move(chosen)));
  out.example.responses.push_back(response_of(std::move(rejected)));
}

bool fits_sharegpt_pair(const Json& row) {
  return has_list(row, "conversations") && has_all(row, {"chosen", "rejected"});
}

void read_sharegpt_pair(const RowView& row, ReadRow& out) {
  out.example.prompt = chat_text(conversation(row));
  add_pair(row, "chosen", "rejected", out);
}

bool fits_sharegpt(const Json& row) { return has_list(row, "conversations"); }

void read_sharegpt(const RowView& row, ReadRow& out) {
  read_conversation(row, conversation(row), "conversations", out);
}

bool fits_alpaca_pair(const Json& row) { return has_all(row, {"instruction", "chosen", "rejected"}); }

void read_alpaca_pair(const RowView& row, ReadRow& out) {
  out.example.prompt = alpaca_prompt(row);
  add_pair(row, "chosen", "rejected", out);
}

bool fits_alpaca_list(const Json& row) {
  return has_string(row, "instruction") && has_list(row, "output") && !row["output"].empty();
}

// `output` from best to worst.
void read_alpaca_list(const RowView& row, ReadRow& out) {
  out.example.unit = Unit::kGroup;
  out.example.prompt = alpaca_prompt(row);
  std::vector<double> ranks;
  for (const Json& answer : need(row, "output")) {
    ranks.push_back(static_cast<double>(ranks.size() + 1));
    out.example.responses.push_back(response_of(text_value(row, answer, "output")));
  }
  score_by_rank(ranks, out);
}

bool fits_alpaca(const Json& row) { return has_string(row, "instruction") && has(row, "output"); }

void read_alpaca(const RowView& row, ReadRow& out) {
  out.example.prompt = alpaca_prompt(row);
  add_answer(plain_text(string_field(row, "output")), out);
}

}  // namespace una::rows
