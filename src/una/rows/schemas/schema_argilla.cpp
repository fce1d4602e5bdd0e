#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "una/base/ascii.h"
#include "una/base/format.h"
#include "una/rows/schemas/fields.h"
#include "una/rows/schemas/schemas.h"
#include "una/words/columns.h"

// Records exported by Argilla. Version 2: `fields` by name and `responses` by question, each a list of {value, user_id}; or
// flattened, as "question.responses" next to the fields. Version 1: each question is a member next to the fields, a list of
// {user_id, value, status}, or of each of these a list where the table came from the Hub. Suggestions come from models and
// are not read.
namespace una::rows {
namespace {

constexpr std::string_view kFlat = ".responses", kSuggestion = "-suggestion";

struct Record {
  Json fields = Json::object();
  std::map<std::string, std::vector<Json>> answers;  // by question: what each annotator submitted
};

// {"value": [4], "status": ["submitted"]} as [{"value": 4, "status": "submitted"}]; other values as they are.
Json by_element(const Json& columns) {
  if (!columns.is_object()) { return columns; }
  Json out = Json::array();
  for (const auto& [name, list] : columns.items()) {
    for (std::size_t i = 0; list.is_array() && i < list.size(); ++i) { out[i][name] = list[i]; }
  }
  return out;
}

bool is_submitted(const Json& answer) {
  return answer.is_object() && has(answer, "value") &&
         (!has(answer, "status") || answer["status"] == "submitted");
}

// Version 1: what annotators answered, under the question's own name.
bool is_answers(const Json& value) {
  const auto is_answer = [](const Json& one) {
    return one.is_object() && one.contains("user_id") && one.contains("value");
  };
  if (value.is_object()) { return has_list(value, "user_id") && has_list(value, "value"); }
  return value.is_array() && !value.empty() && std::all_of(value.begin(), value.end(), is_answer);
}

// A question that no annotator has answered has a suggestion next to it.
bool is_question(const Json& row, const std::string& key) {
  return is_answers(row[key]) || (!row[key].is_string() && row.contains(cat(key, kSuggestion)));
}

Record first_record(const RowView& row) {
  Record record;
  for (const auto& [key, value] : row.json.items()) {
    if (is_question(row.json, key)) {
      for (const Json& one : by_element(value)) {
        if (is_submitted(one)) { record.answers[key].push_back(one["value"]); }
      }
    } else if (key.find(kSuggestion) == key.npos && key != "metadata" && key != "external_id" &&
               key != "vectors") {
      record.fields[key] = value;
    }
    need(row, key.c_str());
  }
  return record;
}

Record nested_record(const RowView& row) {
  Record record{.fields = need(row, "fields"), .answers = {}};
  for (const auto& [question, list] : need(row, "responses").items()) {
    if (!list.is_array()) {
      wrong_type(row, cat("responses.", question), "a list of {value, user_id}", list);
    }
    for (const Json& one : list) {
      if (is_submitted(one)) { record.answers[question].push_back(one["value"]); }
    }
  }
  return record;
}

bool was_submitted(const Json& row, const std::string& status_key, std::size_t i) {
  if (!has_list(row, status_key.c_str()) || i >= row[status_key].size()) { return true; }
  const Json& status = row[status_key][i];
  return status.is_null() || status == "submitted";
}

Record flat_record(const RowView& row) {
  Record record;
  for (const auto& [key, value] : row.json.items()) {
    const bool of_tool = key.find(kFlat) != key.npos || key.find(".suggestion") != key.npos || key == "id" ||
                         key == "_server_id" || key == "vectors";
    if (!of_tool) {
      record.fields[key] = value;
    } else if (ends_with(key, kFlat) && value.is_array()) {
      const std::string question = key.substr(0, key.size() - kFlat.size());
      for (std::size_t i = 0; i < value.size(); ++i) {
        if (was_submitted(row.json, key + ".status", i)) { record.answers[question].push_back(value[i]); }
      }
    }
    need(row, key.c_str());
  }
  return record;
}

// What all annotators together say: the mean of numbers, what words agree on; nullopt: they disagree.
std::optional<Json> joint(const std::vector<Json>& values) {
  const auto is_number = [](const Json& value) { return value.is_number(); };
  if (std::all_of(values.begin(), values.end(), is_number)) {
    double sum = 0;
    for (const Json& value : values) { sum += value.get<double>(); }
    return sum / static_cast<double>(values.size());
  }
  const bool agree = std::all_of(values.begin(), values.end(), [&](const Json& v) { return v == values[0]; });
  return agree ? std::optional(values[0]) : std::nullopt;
}

// Letters and digits, small.
std::string plain_name(const std::string& name) {
  std::string out;
  for (const char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) { out += lower_ascii(c); }
  }
  return out;
}

// The field that a question's value names: by its name, or by the only one with the same letters and digits ("Response 1"
// is response-1); "": there is none.
std::string field_named(const Json& fields, const std::string& name) {
  if (has(fields, name.c_str())) { return name; }
  std::string found;
  for (const auto& [key, value] : fields.items()) {
    if (value.is_null() || plain_name(key) != plain_name(name)) { continue; }
    if (!found.empty()) { return ""; }
    found = key;
  }
  return found;
}

// A ranking as [{value, rank}], an empty list for other values. Version 2 exports only the names, the best one first.
Json ranking_of(const Json& fields, const Json& value) {
  Json ranking = Json::array();
  std::size_t unranked = 0;
  const Json items = by_element(value);
  for (const Json& item : items.is_array() ? items : Json::array()) {
    const Json name = item.is_object() ? item.value("value", Json()) : item;
    const bool has_rank = item.is_object() && has(item, "rank");
    if (!name.is_string() || !(has_rank || !field_named(fields, name.get<std::string>()).empty())) {
      return Json::array();
    }
    unranked += has_rank ? 0 : 1;
    ranking.push_back({{"value", name}, {"rank", has_rank ? item["rank"] : Json(ranking.size() + 1)}});
  }
  const bool is_ordered = unranked == ranking.size() && ranking.size() > 1;
  return unranked == 0 || is_ordered ? ranking : Json::array();
}

// A ranking of fields: each becomes an answer with its rank.
void add_ranking(const RowView& row, const std::string& question, const Json& ranking, Json& fields) {
  Json answers = Json::array();
  std::vector<std::string> taken;
  for (const Json& item : ranking) {
    taken.push_back(field_named(fields, item["value"].get<std::string>()));
    if (taken.back().empty()) {
      bad_field(row, cat("responses.", question),
                cat("ranks ", item["value"].dump(), ", which is not a field of the record"));
    }
    answers.push_back({{"content", fields[taken.back()]}, {"rank", item["rank"]}});
  }
  for (const std::string& name : taken) { fields.erase(name); }
  fields["responses"] = std::move(answers);
}

// The other text field, when a label names one of two answers; "": there is no such field.
std::string other_answer(const Json& fields, const std::string& chosen) {
  std::string other;
  for (const auto& [name, value] : fields.items()) {
    const words::Column* column = words::find_column(name);
    const bool is_prompt = column != nullptr && (column->name == "prompt" || column->alias_of == "prompt" ||
                                                 column->name == "instruction" || column->name == "system");
    if (name == chosen || is_prompt || (!value.is_string() && !value.is_array())) { continue; }
    if (!other.empty()) { return ""; }
    other = name;
  }
  return other;
}

// Puts one question's answer into the row of fields.
void add_answer(const RowView& row, const std::string& question, const Json& value, OwnRow& own) {
  Json& fields = own.row;
  if (const Json ranking = ranking_of(fields, value); !ranking.empty()) {
    add_ranking(row, question, ranking, fields);
    return;
  }
  const std::string chosen = value.is_string() ? field_named(fields, value.get<std::string>()) : "";
  const std::string rejected = chosen.empty() ? "" : other_answer(fields, chosen);
  if (rejected.empty()) {
    fields[question] = value;
    return;
  }
  Json good = fields[chosen], bad = fields[rejected];
  fields.erase(chosen);
  fields.erase(rejected);
  fields["chosen"] = std::move(good);
  fields["rejected"] = std::move(bad);
}

bool is_nested(const Json& row) {
  return has(row, "fields") && row["fields"].is_object() && has(row, "responses") &&
         row["responses"].is_object();
}

bool is_flat(const Json& row) {
  const auto& members = row.get_ref<const Json::object_t&>();
  return std::any_of(members.begin(), members.end(),
                     [](const auto& member) { return ends_with(member.first, kFlat); });
}

}  // namespace

bool is_argilla_member(const std::string& name, const Json& value) {
  return ends_with(name, kFlat) || ends_with(name, kSuggestion) || is_answers(value);
}

bool fits_argilla(const Json& row) {
  if (is_nested(row) || is_flat(row)) { return true; }
  const auto& members = row.get_ref<const Json::object_t&>();
  return std::any_of(members.begin(), members.end(),
                     [&](const auto& member) { return is_question(row, member.first); });
}

OwnRow own_argilla(const RowView& row) {
  const Record record = is_nested(row.json) ? nested_record(row)
                        : is_flat(row.json) ? flat_record(row)
                                            : first_record(row);
  OwnRow own{.row = record.fields};
  bool answered = false;
  for (const auto& [question, values] : record.answers) {
    if (values.empty()) { continue; }
    answered = true;
    const std::optional<Json> value = joint(values);
    if (value) {
      add_answer(row, question, *value, own);
    } else {
      own.drop = "annotators disagree";
    }
  }
  if (row.json.value("status", Json()) == "discarded") { own.drop = "discarded by its annotators"; }
  if (!answered) { own.drop = "no annotator has answered"; }
  return own;
}

}  // namespace una::rows
