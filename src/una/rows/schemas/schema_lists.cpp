#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>

#include "una/base/format.h"
#include "una/rows/schemas/fields.h"
#include "una/rows/schemas/schemas.h"
#include "una/words/columns.h"

// Answers to a prompt in one list and their marks in another of the same length: responses and scores, completions and
// rewards, as samplers and reward models write them.
namespace una::rows {
namespace {

constexpr const char* kPrompts[] = {"prompt", "question", "instruction", "query"};
constexpr const char* kAnswers[] = {"responses", "completions", "answers",
                                    "outputs",   "candidates",  "generations"};

// A list of marks, and what one of them is next to its answer.
struct MarkList {
  const char *name, *mark;
};
constexpr MarkList kMarks[] = {{"scores", "score"}, {"rewards", "score"}, {"ratings", "score"},
                               {"labels", "label"}, {"thumbs", "label"},  {"ranks", "rank"},
                               {"score", "score"},  {"reward", "score"},  {"rating", "score"},
                               {"label", "label"},  {"rank", "rank"}};

const char* one_of(const Json& row, const char* const* begin, const char* const* end, bool is_list) {
  const auto found =
      std::find_if(begin, end, [&](const char* key) { return is_list ? has_list(row, key) : has(row, key); });
  return found == end ? nullptr : *found;
}

const char* prompt_of(const Json& row) {
  return one_of(row, std::begin(kPrompts), std::end(kPrompts), false);
}
const char* answers_of(const Json& row) {
  return one_of(row, std::begin(kAnswers), std::end(kAnswers), true);
}

const MarkList* marks_of(const Json& row) {
  const auto* const found = std::find_if(std::begin(kMarks), std::end(kMarks),
                                         [&](const MarkList& each) { return has_list(row, each.name); });
  return found == std::end(kMarks) ? nullptr : found;
}

// A text, or its turns.
bool is_answer(const Json& item) {
  return item.is_string() || (item.is_object() && item.contains("role")) ||
         (item.is_array() && !item.empty() && item[0].is_object() && item[0].contains("role"));
}

// {text, score}, under any of their names.
bool is_marked_answer(const Json& item) {
  if (!item.is_object() || first_of(item, {"content", "text", "output", "answer", "completion"}) == nullptr) {
    return false;
  }
  const auto& members = item.get_ref<const Json::object_t&>();
  return std::any_of(members.begin(), members.end(), [](const auto& member) {
    const words::Column* column = words::find_column(member.first);
    return column != nullptr && column->is(words::Column::kThumb | words::Column::kScore);
  });
}

// TRL's stepwise supervision has these very names, and there each element is a step of one answer.
void check_no_steps(const RowView& row, const std::string& answers, const std::string& marks) {
  if (answers != "completions" || marks != "labels") { return; }
  bad_field(
      row, "completions",
      "next to \"labels\" may be the steps of one answer (TRL's stepwise supervision), which una does not train "
      "on; if they are several answers, --columns responses=completions says so");
}

}  // namespace

bool fits_lists(const Json& row) {
  const char* answers = answers_of(row);
  if (prompt_of(row) == nullptr || answers == nullptr) { return false; }
  const auto all = [&](bool (*is)(const Json& item)) {
    return std::all_of(row[answers].begin(), row[answers].end(), is);
  };
  return marks_of(row) != nullptr ? all(is_answer)
                                  : answers != std::string_view("responses") && all(is_marked_answer);
}

OwnRow own_lists(const RowView& row) {
  const char* name = answers_of(row.json);
  if (marks_of(row.json) == nullptr) {
    OwnRow own{.row = {{"prompt", need(row, prompt_of(row.json))}, {"responses", need(row, name)}}};
    if (has(row.json, "score_range")) { own.row["score_range"] = need(row, "score_range"); }
    return own;
  }
  const MarkList marks = *marks_of(row.json);
  check_no_steps(row, name, marks.name);
  const Json &answers = need(row, name), &given = need(row, marks.name);
  if (answers.size() != given.size()) {
    bad_field(row, marks.name, cat("has ", given.size(), " values for ", answers.size(), " ", name));
  }
  OwnRow own;
  own.row = {{"prompt", need(row, prompt_of(row.json))}, {"responses", Json::array()}};
  for (std::size_t i = 0; i < answers.size(); ++i) {
    own.row["responses"].push_back({{"content", answers[i]}, {marks.mark, given[i]}});
  }
  if (has(row.json, "score_range")) { own.row["score_range"] = need(row, "score_range"); }
  return own;
}

}  // namespace una::rows
