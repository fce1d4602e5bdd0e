#include <algorithm>
#include <string_view>
#include <utility>

#include "una/base/format.h"
#include "una/rows/drops.h"
#include "una/rows/schemas/fields.h"
#include "una/rows/schemas/schemas.h"

// Anthropic HH: two transcripts "\n\nHuman: ...\n\nAssistant: ..." that share their beginning.
namespace una::rows {
namespace {

constexpr std::string_view kHuman = "\n\nHuman:";
constexpr std::string_view kAssistant = "\n\nAssistant:";

bool is_transcript(const Json& row, const char* key) {
  if (!has_string(row, key)) { return false; }
  const std::string& text = row[key].get_ref<const std::string&>();
  return text.find(kHuman) != std::string::npos && text.find(kAssistant) != std::string::npos;
}

std::vector<Message> transcript_turns(std::string_view text) {
  std::vector<Message> turns;
  const auto next_mark = [&](std::size_t from) {
    return std::min(text.find(kHuman, from), text.find(kAssistant, from));
  };
  std::size_t at = next_mark(0);
  if (at != 0 && !trim(text.substr(0, at)).empty()) { return {}; }
  while (at != std::string_view::npos) {
    const bool human = text.substr(at, kHuman.size()) == kHuman;
    const std::size_t begin = at + (human ? kHuman : kAssistant).size();
    at = next_mark(begin);
    const std::string_view content = trim(text.substr(begin, at == text.npos ? text.npos : at - begin));
    turns.push_back({human ? "user" : "assistant", std::string(content), ""});
  }
  return turns;
}

}  // namespace

bool fits_hh(const Json& row) {
  return !has(row, "prompt") && is_transcript(row, "chosen") && is_transcript(row, "rejected");
}

// The prompt ends with the last "\n\nAssistant:" of the common beginning; the answers keep their first blank.
void read_hh(const RowView& row, ReadRow& out) {
  out.example.unit = Unit::kPair;
  std::string chosen = string_field(row, "chosen");
  std::string rejected = string_field(row, "rejected");
  if (chosen == rejected) {
    out.drop = kSameAnswers;
  } else {
    const std::string_view common = std::string_view(chosen).substr(0, common_prefix(chosen, rejected));
    const std::size_t at = common.rfind(kAssistant);
    if (at == std::string_view::npos) {
      out.drop = kNoSharedPrompt;
    } else {
      const std::size_t length = at + kAssistant.size();
      out.example.prompt = plain_text(chosen.substr(0, length));
      chosen.erase(0, length);
      rejected.erase(0, length);
    }
  }
  out.example.responses.push_back(response_of(plain_text(std::move(chosen))));
  out.example.responses.push_back(response_of(plain_text(std::move(rejected))));
}

void hh_to_chat(Example& example) {
  std::vector<Message> prompt = transcript_turns(example.prompt.plain);
  if (!prompt.empty()) {
    prompt.pop_back();  // the empty assistant turn that the answers fill
  }
  example.prompt = chat_text(std::move(prompt));
  for (Response& response : example.responses) {
    response.text = chat_text(transcript_turns(cat(kAssistant, response.text.plain)));
  }
}

}  // namespace una::rows
