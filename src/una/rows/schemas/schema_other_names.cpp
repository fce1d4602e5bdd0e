#include <utility>

#include "una/rows/schemas/fields.h"
#include "una/rows/schemas/schemas.h"

// Pairs and SFT rows under the column names of other collections: argilla, intel/orca, StackExchange,
// NeMo-Aligner, persona evaluations, GSM8K, swift.
namespace una::rows {
namespace {

struct PairNames {
  const char* chosen;
  const char* rejected;
};

constexpr PairNames kPairs[] = {
    {"chosen", "rejected"},
    {"chosen_response", "rejected_response"},
    {"response_j", "response_k"},  // StackExchange: j is the better one
    {"answer_matching_behavior", "answer_not_matching_behavior"},
};

const PairNames* pair_names(const Json& row) {
  for (const PairNames& names : kPairs) {
    if (has_all(row, {names.chosen, names.rejected})) { return &names; }
  }
  return nullptr;
}

const char* question_field(const Json& row) { return first_of(row, {"prompt", "question", "instruction"}); }

// With a system text (orca) the row is a chat.
Text question_of(const RowView& row) {
  Text question = text_field(row, question_field(row.json));
  const std::string system = has(row.json, "system") ? string_field(row, "system") : "";
  if (system.empty() || question.is_chat) { return question; }
  return chat_text({{"system", system, ""}, {"user", std::move(question.plain), ""}});
}

}  // namespace

bool fits_other_pair(const Json& row) { return question_field(row) != nullptr && pair_names(row) != nullptr; }

void read_other_pair(const RowView& row, ReadRow& out) {
  const PairNames& names = *pair_names(row.json);
  out.example.unit = Unit::kPair;
  out.example.prompt = question_of(row);
  out.example.responses.push_back(response_of(text_field(row, names.chosen)));
  out.example.responses.push_back(response_of(text_field(row, names.rejected)));
}

bool fits_swift_pair(const Json& row) {
  return has_list(row, "messages") && first_of(row, {"rejected_response", "rejected_messages"}) != nullptr;
}

// `messages` ends with the chosen answer.
void read_swift_pair(const RowView& row, ReadRow& out) {
  out.example.unit = Unit::kPair;
  std::vector<Message> turns = messages_value(row, need(row, "messages"), "messages");
  std::vector<Message> chosen = split_answer(turns, out.behind);
  out.example.prompt = chat_text(std::move(turns));
  const char* rejected = first_of(row.json, {"rejected_response", "rejected_messages"});
  out.example.responses.push_back(response_of(chat_text(std::move(chosen))));
  out.example.responses.push_back(response_of(text_field(row, rejected)));
}

bool fits_question_answer(const Json& row) {
  return has_string(row, "question") && first_of(row, {"answer", "response"}) != nullptr;
}

void read_question_answer(const RowView& row, ReadRow& out) {
  out.example.unit = Unit::kSft;
  out.example.prompt = question_of(row);
  out.example.responses.push_back(response_of(text_field(row, first_of(row.json, {"answer", "response"}))));
}

}  // namespace una::rows
