#include "una/words/columns.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <unordered_map>
#include <vector>

#include "una/base/format.h"

namespace una::words {
namespace {

constexpr std::uint32_t kText = Column::kText, kAnswer = Column::kText | Column::kAnswer,
                        kJson = Column::kJson, kThumb = Column::kThumb, kScore = Column::kScore;

// Columns of one use; spaces separate their names.
struct Group {
  std::uint32_t use;
  std::string_view alias_of, names;
};

constexpr Group kGroups[] = {
    {kText, "",
     "prompt instruction system chosen_response rejected_response response_j response_k response_1 response_2 "
     "answer_matching_behavior answer_not_matching_behavior"},
    {kText, "prompt", "question query user_prompt user_input request input"},
    {kAnswer, "", "completion text chosen rejected"},
    {kAnswer, "completion", "response answer reply output"},
    {kText, "completion", "generation generated_text model_output model_response assistant_response"},
    {kJson | Column::kAnswer, "", "messages conversations responses"},
    {kJson, "",
     "context history completions answers chosen_messages rejected_messages score_range ref_rewards "
     "chat_template_kwargs metadata"},
    {Column::kNumber, "",
     "preference_strength helpfulness correctness coherence score_chosen score_rejected margin weight"},
    {Column::kFlag, "", "in_ref_rewards"},
    {0, "", "sampled_from group_id source tools finish finish_reason"},
    {kThumb, "",
     "label kto_tag tag thumb thumbs thumbs_up is_good good like liked vote upvoted accepted preferred correct "
     "is_correct positive is_positive feedback"},
    {kThumb | kScore, "", "rating reward score"},
    {kScore, "", "stars grade"},
    {Column::kFeedback, "",
     "thumbs_down disliked ratings votes upvotes downvotes preference winner rank quality scores rewards labels"},
};

const std::vector<Column>& all_columns() {
  static const std::vector<Column> all = [] {
    std::vector<Column> out;
    for (const Group& group : kGroups) {
      for (std::string_view left = group.names; !left.empty();) {
        const std::size_t end = std::min(left.find(' '), left.size());
        out.push_back({left.substr(0, end), group.use, group.alias_of});
        left.remove_prefix(std::min(end + 1, left.size()));
      }
    }
    return out;
  }();
  return all;
}

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

const std::unordered_map<std::string, const Column*>& columns_by_squeezed_name() {
  static const std::unordered_map<std::string, const Column*> index = [] {
    std::unordered_map<std::string, const Column*> out;
    for (const Column& column : all_columns()) { out.emplace(squeezed(column.name), &column); }
    return out;
  }();
  return index;
}

const std::unordered_map<std::string_view, const Column*>& columns_by_name() {
  static const std::unordered_map<std::string_view, const Column*> index = [] {
    std::unordered_map<std::string_view, const Column*> out;
    for (const Column& column : all_columns()) { out.emplace(column.name, &column); }
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

// Last words of names, each between spaces. Of feedback; of properties that are feedback when true or false; and of those
// by which true is bad.
constexpr std::string_view kMarks =
    " rating ratings score scores label feedback thumbs thumb reward rewards vote votes upvotes likes stars grade verdict "
    "judgement judgment quality csat nps sentiment preference satisfaction ";
constexpr std::string_view kFlags =
    " helpful useful good best preferred chosen accepted approved passed correct safe harmless liked upvoted positive "
    "satisfied ";
constexpr std::string_view kVotesAgainst =
    " thumbsdown dislike dislikes disliked downvote downvotes downvoted ";
constexpr std::string_view kFaults =
    " down bad worst incorrect wrong failed flagged rejected unhelpful harmful toxic unsafe negative hallucinated ";

bool ends_in(std::string_view name, std::string_view words) {
  return words.find(cat(" ", last_word(trim(name)), " ")) != words.npos;
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

bool sounds_like_feedback(std::string_view name, bool is_flag) {
  const Column* column = find_column(name);
  if (column != nullptr && (column->is_feedback() || !is_flag)) { return column->is_feedback(); }
  return ends_in(name, kMarks) || ends_in(name, kVotesAgainst) ||
         (is_flag && (ends_in(name, kFlags) || ends_in(name, kFaults)));
}

bool means_bad(std::string_view name) { return ends_in(name, kVotesAgainst) || ends_in(name, kFaults); }

bool sounds_like_annotations(std::string_view name) {
  return ends_in(name, " annotation annotations review reviews judgements judgments evaluations evals ");
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

}  // namespace una::words
