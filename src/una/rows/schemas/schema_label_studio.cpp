#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "una/base/format.h"
#include "una/rows/schemas/fields.h"
#include "una/rows/schemas/schemas.h"

// Tasks exported by Label Studio from a project with a Pairwise tag. JSON: `data` holds the question and the two texts,
// annotations[].result[].value.selected says "left" or "right". JSON-MIN and CSV: one annotation in a row, with the question
// and the texts as members next to the tag's, [{"selected": "left"}].
namespace una::rows {
namespace {

const Json* pairwise_result(const Json& annotation) {
  if (!annotation.is_object() || !has_list(annotation, "result")) { return nullptr; }
  for (const Json& result : annotation["result"]) {
    if (result.is_object() && result.value("type", Json()) == "pairwise") { return &result; }
  }
  return nullptr;
}

// The comparisons that were submitted.
std::vector<const Json*> results_of(const Json& annotations) {
  std::vector<const Json*> results;
  for (const Json& annotation : annotations) {
    if (annotation.is_object() && annotation.value("was_cancelled", Json()) == true) { continue; }
    if (const Json* result = pairwise_result(annotation)) { results.push_back(result); }
  }
  return results;
}

// The two names of to_name, "answer1,answer2" or a list, where they are fields of the task.
std::vector<std::string> names_of_tag(const Json& result, const Json& data) {
  const Json to = result.value("to_name", Json());
  std::vector<std::string> names;
  if (to.is_string()) { names = split(to.get<std::string>(), ','); }
  for (const Json& name : to.is_array() ? to : Json::array()) {
    if (name.is_string()) { names.push_back(name.get<std::string>()); }
  }
  for (std::string& name : names) { name = std::string(trim(name)); }
  const bool known =
      names.size() == 2 && has_string(data, names[0].c_str()) && has_string(data, names[1].c_str());
  return known ? names : std::vector<std::string>();
}

constexpr std::pair<const char*, const char*> kEndings[] = {
    {"1", "2"}, {"a", "b"}, {"A", "B"}, {"left", "right"}};

// Two fields whose names differ in a last 1 and 2, a and b, or left and right.
std::vector<std::string> numbered_names(const Json& data) {
  for (const auto& [key, value] : data.items()) {
    for (const auto& [first, second] : kEndings) {
      if (!value.is_string() || !ends_with(key, first)) { continue; }
      std::string other = key.substr(0, key.size() - std::string_view(first).size()) + second;
      if (has_string(data, other.c_str())) { return {key, other}; }
    }
  }
  return {};
}

const char* prompt_of(const Json& data) {
  return first_of(data, {"prompt", "question", "instruction", "query"});
}

// What a Pairwise tag's member of JSON-MIN says; null: it is not one.
Json selected_in(const Json& member) {
  const Json held = structure_in(member).value_or(member);
  const Json one = held.is_array() && held.size() == 1 ? held[0] : held;
  return one.is_object() ? one.value("selected", Json()) : Json();
}

// The member of the only Pairwise tag; "": there is none.
std::string tag_of(const Json& row) {
  std::string tag;
  for (const auto& [key, value] : row.items()) {
    if (selected_in(value).is_null()) { continue; }
    if (!tag.empty()) { return ""; }
    tag = key;
  }
  return tag;
}

bool is_first(const RowView& row, const std::string& field, const Json& selected) {
  if (selected != "left" && selected != "right") { wrong_type(row, field, "left or right", selected); }
  return selected == "left";
}

Json pair_of(const Json& data, const char* prompt, const std::vector<std::string>& names, bool first) {
  return {{"prompt", data[prompt]},
          {"chosen", data[names[first ? 0 : 1]]},
          {"rejected", data[names[first ? 1 : 0]]}};
}

// A row of JSON-MIN or CSV.
struct SmallTask {
  const char* prompt;
  std::vector<std::string> names;  // of the left and the right text
  std::string tag;
};

std::optional<SmallTask> small_task_of(const Json& row) {
  SmallTask task{.prompt = prompt_of(row), .names = numbered_names(row), .tag = {}};
  if (task.prompt == nullptr || task.names.empty()) { return std::nullopt; }
  task.tag = tag_of(row);
  return task.tag.empty() ? std::nullopt : std::optional(std::move(task));
}

OwnRow own_small_task(const RowView& row, const SmallTask& task) {
  const bool first = is_first(row, task.tag, selected_in(need(row, task.tag.c_str())));
  for (const std::string& name : {std::string(task.prompt), task.names[0], task.names[1]}) {
    need(row, name.c_str());
  }
  return {.row = pair_of(row.json, task.prompt, task.names, first)};
}

}  // namespace

bool fits_label_studio(const Json& row) {
  if (small_task_of(row)) { return true; }
  if (!has(row, "data") || !row["data"].is_object() || !has_list(row, "annotations")) { return false; }
  const Json& annotations = row["annotations"];
  return annotations.empty() ||
         std::any_of(annotations.begin(), annotations.end(), [](const Json& annotation) {
           return pairwise_result(annotation) != nullptr ||
                  (annotation.is_object() && annotation.value("was_cancelled", Json()) == true);
         });
}

OwnRow own_label_studio(const RowView& row) {
  if (const auto task = small_task_of(row.json)) { return own_small_task(row, *task); }
  const Json& data = need(row, "data");
  const std::vector<const Json*> results = results_of(need(row, "annotations"));
  OwnRow own;
  std::vector<std::string> names =
      results.empty() ? std::vector<std::string>() : names_of_tag(*results[0], data);
  if (names.empty()) { names = numbered_names(data); }
  const char* prompt = prompt_of(data);
  if (names.empty() || prompt == nullptr) {
    bad_field(row, "data",
              "must have prompt (or question) and two texts whose names end in 1 and 2, a and b, or left "
              "and right; --columns data.prompt=data.NAME renames one");
  }
  std::optional<bool> left;
  for (const Json* result : results) {
    const bool this_left = is_first(row, "annotations[].result[].value.selected",
                                    result->value("value", Json::object()).value("selected", Json()));
    if (left && *left != this_left) { own.drop = "annotators disagree"; }
    left = this_left;
  }
  if (!left) { own.drop = "preference missing"; }
  own.row = pair_of(data, prompt, names, left.value_or(true));
  return own;
}

}  // namespace una::rows
