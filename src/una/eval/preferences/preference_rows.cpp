#include "una/eval/preferences/preference_rows.h"

#include <algorithm>
#include <utility>

#include "una/base/error.h"
#include "una/rows/schemas/schema.h"

namespace una::eval {
namespace {

std::string optional_text(const Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end() || found->is_null()) { return ""; }
  return found->is_string() ? found->get<std::string>() : found->dump();
}

bool same_text(const Text& a, const Text& b) {
  const auto same_turn = [](const Message& x, const Message& y) {
    return x.role == y.role && x.content == y.content && x.extra == y.extra;
  };
  return a.plain == b.plain &&
         std::equal(a.messages.begin(), a.messages.end(), b.messages.begin(), b.messages.end(), same_turn);
}

Text plain(std::string content, bool as_turn, const char* role) {
  Text text;
  if (as_turn) {
    text.is_chat = true;
    text.messages.push_back({.role = role, .content = std::move(content), .extra = {}});
  } else {
    text.plain = std::move(content);
  }
  return text;
}

}  // namespace

std::vector<PreferenceRow> read_pairs(const std::vector<rows::JsonRow>& rows, bool apply_chat_template,
                                      std::int64_t& left_out) {
  std::vector<PreferenceRow> out;
  for (const rows::JsonRow& row : rows) {
    const rows::ReadRow read =
        rows::read_row(row.json, row.where, {.apply_chat_template = apply_chat_template});
    if (!read.drop.empty() || read.tie) {
      ++left_out;
      continue;
    }
    check_input(read.example.unit == Unit::kPair && read.example.responses.size() == 2, row.where.text(),
                ": the row is not a pair (prompt, chosen, rejected)");
    if (same_text(read.example.responses[0].text, read.example.responses[1].text)) {
      ++left_out;
      continue;
    }
    PreferenceRow pair{
        .where = row.where, .subset = optional_text(row.json, "subset"), .id = {}, .answers = {}, .right = 1};
    for (std::size_t i = 0; i < 2; ++i) { pair.answers.push_back(reward::question_of(read.example, i)); }
    out.push_back(std::move(pair));
  }
  return out;
}

std::vector<PreferenceRow> read_best_of(const std::vector<rows::JsonRow>& rows, bool apply_chat_template) {
  std::vector<PreferenceRow> out;
  for (const rows::JsonRow& row : rows) {
    PreferenceRow best{.where = row.where,
                       .subset = text_field(row, "subset"),
                       .id = optional_text(row.json, "id"),
                       .answers = {},
                       .right = 0};
    const std::string prompt = text_field(row, "prompt");
    const std::vector<std::string> chosen = list_field(row, "chosen"), rejected = list_field(row, "rejected");
    best.right = chosen.size();
    for (const auto* answers : {&chosen, &rejected}) {
      for (const std::string& answer : *answers) {
        best.answers.push_back({.prompt = plain(prompt, apply_chat_template, "user"),
                                .answer = plain(answer, apply_chat_template, "assistant"),
                                .tools = {},
                                .template_kwargs = {}});
      }
    }
    out.push_back(std::move(best));
  }
  return out;
}

}  // namespace una::eval
