#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "una/base/format.h"
#include "una/rows/schemas/fields.h"
#include "una/rows/schemas/schemas.h"

// Tasks exported by Label Studio (JSON) from a project with a Pairwise tag: `data` holds the question and the two
// texts, annotations[].result[].value.selected says "left" or "right".
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

}  // namespace

bool fits_label_studio(const Json& row) {
  if (!has(row, "data") || !row["data"].is_object() || !has_list(row, "annotations")) { return false; }
  const Json& annotations = row["annotations"];
  return annotations.empty() ||
         std::any_of(annotations.begin(), annotations.end(), [](const Json& annotation) {
           return pairwise_result(annotation) != nullptr ||
                  (annotation.is_object() && annotation.value("was_cancelled", Json()) == true);
         });
}

OwnRow own_label_studio(const RowView& row) {
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
    const Json selected = result->value("value", Json::object()).value("selected", Json());
    if (selected != "left" && selected != "right") {
      wrong_type(row, "annotations[].result[].value.selected", "left or right", selected);
    }
    if (left && *left != (selected == "left")) { own.drop = "annotators disagree"; }
    left = selected == "left";
  }
  if (!left) { own.drop = "preference missing"; }
  const bool first = left.value_or(true);
  own.row = {{"prompt", data[prompt]},
             {"chosen", data[names[first ? 0 : 1]]},
             {"rejected", data[names[first ? 1 : 0]]}};
  return own;
}

}  // namespace una::rows
