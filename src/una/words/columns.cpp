#include "una/words/columns.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <unordered_map>
#include <vector>

#include "una/base/ascii.h"
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
     "answer_matching_behavior answer_not_matching_behavior response_0 response_a response_b answer_1 answer_2 answer_a "
     "answer_b completion_1 completion_2 completion_a completion_b output_1 output_2 output_a output_b human_ref_A "
     "human_ref_B"},
    {kText, "prompt", "question query user_prompt user_input request input"},
    {kText, "system", "system_prompt system_message"},
    {kAnswer, "", "completion text chosen rejected"},
    {kAnswer, "completion", "response answer reply output"},
    {kText, "completion", "generation generated_text model_output model_response assistant_response"},
    {kJson | Column::kAnswer, "", "messages conversations responses"},
    {kJson, "",
     "context history completions answers outputs candidates generations chosen_messages rejected_messages "
     "conversation_a conversation_b fields score_range ref_rewards chat_template_kwargs metadata"},
    {Column::kNumber, "",
     "preference_strength overall_preference helpfulness correctness coherence score_chosen score_rejected margin weight"},
    {Column::kFlag, "", "in_ref_rewards"},
    {0, "",
     "sampled_from group_id source tools finish finish_reason better_response_id winner_model_a winner_model_b winner_tie"},
    {kThumb, "",
     "label kto_tag tag thumb thumbs thumb_up thumbs_up is_good good like liked vote upvoted accepted preferred correct "
     "is_correct positive is_positive desirable is_desirable feedback"},
    {kThumb | kScore, "", "rating reward score"},
    {kScore, "", "stars grade"},
    {Column::kFeedback, "",
     "thumb_down thumbs_down disliked ratings votes upvotes downvotes preference winner choice better rank quality scores rewards labels"},
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
    out += lower_ascii(c);
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

// Where the last word of "user_rating", "user rating", "data.rating" and "userRating" begins. Letters of other scripts
// belong to a word.
std::size_t last_word_begin(std::string_view name) {
  std::size_t at = name.size();
  const auto is_letter = [&](std::size_t i) {
    const auto byte = static_cast<unsigned char>(name[i]);
    return std::isalnum(byte) != 0 || byte >= 0x80U;
  };
  const auto is_capital = [&](std::size_t i) {
    return std::isupper(static_cast<unsigned char>(name[i])) != 0;
  };
  while (at > 0 && is_letter(at - 1)) {
    --at;
    if (is_capital(at) && (at == 0 || !is_capital(at - 1))) { break; }
  }
  return at;
}

std::string_view first_word(std::string_view name) {
  std::size_t end = 0;
  while (end < name.size() && std::isalpha(static_cast<unsigned char>(name[end])) != 0 &&
         (end == 0 || std::isupper(static_cast<unsigned char>(name[end])) == 0)) {
    ++end;
  }
  return name.substr(0, end);
}

bool among(std::string_view word, std::string_view words) {
  return words.find(cat(" ", word, " ")) != words.npos;
}

// Words at the end of a name that tell nothing about what it holds.
constexpr std::string_view kFillers =
    " value val type kind rate ratio raw mean avg average norm normalized scaled int integer float num numeric number percent pct "
    "given overall total final str string bool flag text comment ";

bool is_number(std::string_view word) {
  return std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// The last word that tells something, in small letters: "rating" of "user_rating", "rating_value", "rating (1-5)".
std::string telling_word(std::string_view name) {
  while (!name.empty()) {
    const std::size_t begin = last_word_begin(name);
    const std::string word = squeezed(name.substr(begin));
    if (!word.empty() && !is_number(word) && !among(word, kFillers)) { return word; }
    name.remove_suffix(word.empty() ? 1 : name.size() - begin);
  }
  return "";
}

// Telling words of names, each between spaces. Of feedback; of properties that are feedback when true or false; and of
// those by which true, or more, is bad.
constexpr std::string_view kMarks =
    " rating ratings score scores label feedback thumbs thumb reward rewards vote votes upvotes likes stars grade grades "
    "verdict judgement judgment quality csat nps sentiment mood emoji outcome karma preference satisfaction reaction evaluation assessment helpfulness "
    "correctness coherence accuracy relevance usefulness harmlessness faithfulness truthfulness groundedness "
    "bewertung calificacion puntuacion valoracion avaliacao ";
constexpr std::string_view kFlags =
    " helpful useful good best preferred chosen accepted approved passed correct safe harmless liked upvoted positive "
    "satisfied gold success successful resolved solved ok okay valid satisfactory acceptable adequate appropriate result "
    "keep include included kept win won winner pass desirable recommended endorsed verified factual faithful truthful "
    "grounded ";
constexpr std::string_view kVotesAgainst =
    " thumbdown thumbsdown dislike dislikes disliked downvote downvotes downvoted toxicity hallucination hallucinations ";
constexpr std::string_view kFaults =
    " down bad worst incorrect wrong failed flagged rejected unhelpful harmful toxic unsafe negative hallucinated deleted "
    "removed excluded exclude skip spam undesirable lost reported invalid inappropriate offensive unsatisfied unresolved unacceptable ";

// Names in scripts without spaces, anywhere in a name.
constexpr auto kForeignMarks =
    std::to_array<std::string_view>({"评分", "打分", "得分", "分数", "点赞", "点踩", "评价", "反馈", "好评",
                                     "差评", "評価", "评估", "평가", "평점", "оценка"});

bool ends_in(std::string_view name, std::string_view words) { return among(telling_word(name), words); }

// "score_gpt4" and "rating_by_user", but not what tells about a score, as "rating_id"; and grades as "helpful": 4.
bool is_mark_as_number(std::string_view name) {
  constexpr std::string_view kAbout =
      " id ids time timestamp date at count number confidence probability logprob length tokens version std variance index ";
  const std::string last = telling_word(name);
  return among(last, " helpful useful harmless ") ||
         (among(squeezed(first_word(name)), " rating ratings score scores reward rewards thumb thumbs ") &&
          !among(last, kAbout));
}

bool has_foreign_mark(std::string_view name) {
  return std::any_of(kForeignMarks.begin(), kForeignMarks.end(),
                     [&](std::string_view mark) { return name.find(mark) != name.npos; });
}

// Whether it could be an answer to "is it so?". A text in a column of answers is an answer: "chosen": "yes".
bool is_flag(const Json& value, const Column* column) {
  if (!value.is_string()) { return value.is_boolean() || (value.is_number() && (value == 0 || value == 1)); }
  return column == nullptr && among(squeezed(value.get_ref<const std::string&>()), " yes no true false 1 0 ");
}

// What people write for good and bad, as `squeezed` gives it.
constexpr std::string_view kVerdicts =
    " good bad great excellent poor terrible thumbsup thumbsdown thumbup thumbdown up down upvote downvote upvoted "
    "downvoted like dislike liked disliked positive negative correct incorrect wrong right approved rejected approve reject "
    "accept accepted pass passed fail failed helpful unhelpful nothelpful notuseful satisfied dissatisfied unsatisfied "
    "acceptable unacceptable desirable undesirable ignore ignored win won lose lost happy unhappy angry sad 👍 👎 😀 😃 😄 😊 🙂 "
    "😍 ❤ ❤️ 👏 🙁 ☹ ☹️ 😞 😢 😠 😡 💩 ✅ ❌ 赞 踩 好评 差评 ";

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
  const bool is_known = column != nullptr && !column->is(Column::kNumber);
  if (is_known && (column->is_feedback() || !is_flag)) { return column->is_feedback(); }
  return ends_in(name, kMarks) || ends_in(name, kVotesAgainst) || has_foreign_mark(name) ||
         (is_flag && (ends_in(name, kFlags) || ends_in(name, kFaults)));
}

bool is_verdict(std::string_view text) {
  constexpr std::size_t kLongest = 24;
  return text.size() <= kLongest && !trim(text).empty() && among(squeezed(text), kVerdicts);
}

bool is_opinion(std::string_view name, const Json& value, std::string_view answer) {
  const Column* column = find_column(name);
  if (column == nullptr && (value.is_number() || value.is_boolean()) && is_mark_as_number(name)) {
    return true;
  }
  if (sounds_like_feedback(name, is_flag(value, column))) { return true; }
  if (column != nullptr && column->alias_of != "completion") {
    return false;
  }  // "answer": "reject" is Prodigy's
  const Json& one = value.is_array() && value.size() == 1 ? value[0] : value;
  return one.is_string() && is_verdict(one.get_ref<const std::string&>()) && one != answer;
}

bool is_tie(std::string_view text) {
  constexpr std::size_t kLongest = 24;
  return text.size() <= kLongest && !trim(text).empty() &&
         among(squeezed(text), " tie tied draw equal bothbad bothgood ");
}

bool is_completion(std::string_view name) {
  const Column* column = find_column(name);
  return column != nullptr && (column->alias_of == "completion" || column->name == "completion");
}

bool is_correction(std::string_view name) {
  static constexpr auto kBefore = std::to_array<std::string_view>(
      {"corrected", "edited", "improved", "revised", "rewritten", "fixed", "preferred", "better"});
  const std::string word = telling_word(name);
  const bool is_answer = among(word, " answer response completion output reply ");
  return is_answer && std::any_of(kBefore.begin(), kBefore.end(), [&](std::string_view before) {
           return starts_with(squeezed(name), before);
         });
}

bool means_bad(std::string_view name) { return ends_in(name, kVotesAgainst) || ends_in(name, kFaults); }

bool sounds_like_annotations(std::string_view name) {
  return ends_in(
      name,
      " annotation annotations review reviews judgements judgments evaluations evals evaluators judges raters graders ");
}

bool is_missing_word(std::string_view text) {
  static constexpr auto kWords =
      std::to_array<std::string_view>({"", "n/a", "na", "#n/a", "nan", "null", "none", "-"});
  constexpr std::size_t kLongest = 8;
  const std::string_view cell = trim(text);
  if (cell.size() > kLongest) { return false; }
  const std::string low = lower_ascii(std::string(cell));
  return std::find(kWords.begin(), kWords.end(), low) != kWords.end();
}

}  // namespace una::words
