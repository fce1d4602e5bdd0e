#include "una/rows/schemas/columns.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <unordered_map>

#include "una/base/format.h"

namespace una::rows {
namespace {

constexpr std::uint32_t kText = Column::kText, kAnswer = Column::kText | Column::kAnswer,
                        kJson = Column::kJson, kNumber = Column::kNumber, kFlag = Column::kFlag,
                        kThumb = Column::kThumb, kScore = Column::kScore, kFeedback = Column::kFeedback;

constexpr auto kColumns = std::to_array<Column>({
    {"prompt", kText},
    {"question", kText, "prompt"},
    {"query", kText, "prompt"},
    {"user_prompt", kText, "prompt"},
    {"user_input", kText, "prompt"},
    {"request", kText, "prompt"},
    {"input", kText, "prompt"},
    {"instruction", kText},
    {"system", kText},
    {"context", kJson},
    {"history", kJson},
    {"messages", kJson | Column::kAnswer},
    {"conversations", kJson | Column::kAnswer},
    {"completion", kAnswer},
    {"response", kAnswer, "completion"},
    {"answer", kAnswer, "completion"},
    {"reply", kAnswer, "completion"},
    {"output", kAnswer, "completion"},
    {"generation", kText, "completion"},
    {"generated_text", kText, "completion"},
    {"model_output", kText, "completion"},
    {"model_response", kText, "completion"},
    {"assistant_response", kText, "completion"},
    {"text", kAnswer},
    {"responses", kJson | Column::kAnswer},
    {"completions", kJson},
    {"answers", kJson},
    {"chosen", kAnswer},
    {"rejected", kAnswer},
    {"chosen_response", kText},
    {"rejected_response", kText},
    {"chosen_messages", kJson},
    {"rejected_messages", kJson},
    {"response_j", kText},
    {"response_k", kText},
    {"response_1", kText},
    {"response_2", kText},
    {"answer_matching_behavior", kText},
    {"answer_not_matching_behavior", kText},
    {"preference_strength", kNumber},
    {"helpfulness", kNumber},
    {"correctness", kNumber},
    {"coherence", kNumber},
    {"score_chosen", kNumber},
    {"score_rejected", kNumber},
    {"margin", kNumber},
    {"weight", kNumber},
    {"score_range", kJson},
    {"ref_rewards", kJson},
    {"in_ref_rewards", kFlag},
    {"sampled_from", 0},
    {"group_id", 0},
    {"source", 0},
    {"tools", 0},
    {"chat_template_kwargs", kJson},
    {"metadata", kJson},
    {"finish", 0},
    {"finish_reason", 0},
    {"label", kThumb},
    {"kto_tag", kThumb},
    {"tag", kThumb},
    {"thumb", kThumb},
    {"thumbs", kThumb},
    {"thumbs_up", kThumb},
    {"is_good", kThumb},
    {"good", kThumb},
    {"like", kThumb},
    {"liked", kThumb},
    {"vote", kThumb},
    {"upvoted", kThumb},
    {"accepted", kThumb},
    {"preferred", kThumb},
    {"correct", kThumb},
    {"is_correct", kThumb},
    {"positive", kThumb},
    {"is_positive", kThumb},
    {"feedback", kThumb},
    {"rating", kThumb | kScore},
    {"reward", kThumb | kScore},
    {"score", kThumb | kScore},
    {"stars", kScore},
    {"grade", kScore},
    {"thumbs_down", kFeedback},
    {"disliked", kFeedback},
    {"ratings", kFeedback},
    {"votes", kFeedback},
    {"upvotes", kFeedback},
    {"downvotes", kFeedback},
    {"preference", kFeedback},
    {"winner", kFeedback},
    {"rank", kFeedback},
    {"quality", kFeedback},
    {"scores", kFeedback},
    {"rewards", kFeedback},
    {"labels", kFeedback},
});

// Small letters and digits only.
std::string squeezed(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const auto letter = static_cast<unsigned char>(c);
    if (c == '_' || c == '-' || c == ' ' || std::isspace(letter) != 0) { continue; }
    out += static_cast<char>(std::tolower(letter));
  }
  return out;
}

using Index = std::unordered_map<std::string, const Column*>;

const Index& columns_by_squeezed_name() {
  static const Index index = [] {
    Index out;
    for (const Column& column : kColumns) { out.emplace(squeezed(column.name), &column); }
    return out;
  }();
  return index;
}

const std::unordered_map<std::string_view, const Column*>& columns_by_name() {
  static const std::unordered_map<std::string_view, const Column*> index = [] {
    std::unordered_map<std::string_view, const Column*> out;
    for (const Column& column : kColumns) { out.emplace(column.name, &column); }
    return out;
  }();
  return index;
}

// The last word of "user_rating", "user rating", "data.rating" and "userRating", in small letters.
std::string last_word(std::string_view name) {
  std::size_t at = name.size();
  const auto is_letter = [&](std::size_t i) {
    return std::isalnum(static_cast<unsigned char>(name[i])) != 0;
  };
  const auto is_capital = [&](std::size_t i) {
    return std::isupper(static_cast<unsigned char>(name[i])) != 0;
  };
  while (at > 0 && is_letter(at - 1)) {
    --at;
    if (is_capital(at) && (at == 0 || !is_capital(at - 1))) { break; }
  }
  return squeezed(name.substr(at));
}

}  // namespace

const Column* find_column(std::string_view name) {
  const auto& exact = columns_by_name();
  if (const auto found = exact.find(name); found != exact.end()) { return found->second; }
  constexpr std::size_t kLongest = 64;  // of a name in the table, with room for spaces
  if (name.size() > kLongest) { return nullptr; }
  const auto found = columns_by_squeezed_name().find(squeezed(name));
  return found == columns_by_squeezed_name().end() ? nullptr : found->second;
}

bool sounds_like_feedback(std::string_view name) {
  static constexpr auto kWords =
      std::to_array<std::string_view>({"rating", "score", "label", "feedback", "thumbs", "thumb", "reward",
                                       "vote", "stars", "grade", "verdict"});
  if (const Column* column = find_column(name)) { return column->is_feedback(); }
  const std::string word = last_word(trim(name));
  return std::find(kWords.begin(), kWords.end(), word) != kWords.end();
}

bool is_missing_word(std::string_view text) {
  static constexpr auto kWords =
      std::to_array<std::string_view>({"", "n/a", "na", "#n/a", "nan", "null", "none", "-"});
  constexpr std::size_t kLongest = 8;
  const std::string_view cell = trim(text);
  if (cell.size() > kLongest) { return false; }
  std::string low;
  for (const char c : cell) { low += static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }
  return std::find(kWords.begin(), kWords.end(), low) != kWords.end();
}

}  // namespace una::rows
