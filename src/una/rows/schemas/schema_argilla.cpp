#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "una/base/format.h"
#include "una/rows/schemas/fields.h"
#include "una/rows/schemas/schemas.h"
#include "una/words/columns.h"

// Records exported by Argilla 2: `fields` by name and `responses` by question, each a list of {value, user_id}; or
// flattened, as "question.responses" next to the fields. Suggestions come from models and are not read.
namespace una::rows {
namespace {

constexpr std::string_view kFlat = ".responses";

struct Record {
  Json fields = Json::object();
  std::map<std::string, std::vector<Json>> answers;  // by question: what each annotator submitted
};

Record nested_record(const RowView& row) {
  Record record{.fields = need(row, "fields"), .answers = {}};
  for (const auto& [question, list] : need(row, "responses").items()) {
    if (!list.is_array()) {
      wrong_type(row, cat("responses.", question), "a list of {value, user_id}", list);
    }
    for (const Json& one : list) {
      const bool is_draft = one.is_object() && has(one, "status") && one["status"] != "submitted";
      if (one.is_object() && has(one, "value") && !is_draft) {
        record.answers[question].push_back(one["value"]);
      }
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

bool is_ranking(const Json& value) {
  return value.is_array() && !value.empty() && std::all_of(value.begin(), value.end(), [](const Json& item) {
           return item.is_object() && has_string(item, "value") && has(item, "rank");
         });
}

// A ranking of fields: each becomes an answer with its rank.
Json ranked_answers(const RowView& row, const std::string& question, const Json& ranking,
                    const Json& fields) {
  Json answers = Json::array();
  for (const Json& item : ranking) {
    const std::string name = item["value"].get<std::string>();
    if (!has(fields, name.c_str())) {
      bad_field(row, cat("responses.", question),
                cat("ranks \"", name, "\", which is not a field of the record"));
    }
    answers.push_back({{"content", fields[name]}, {"rank", item["rank"]}});
  }
  return answers;
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
  if (is_ranking(value)) {
    const Json answers = ranked_answers(row, question, value, fields);
    for (const Json& item : value) { fields.erase(item["value"].get<std::string>()); }
    fields["responses"] = answers;
    return;
  }
  const std::string chosen = value.is_string() ? value.get<std::string>() : "";
  const std::string rejected = has(fields, chosen.c_str()) ? other_answer(fields, chosen) : "";
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

}  // namespace

bool fits_argilla(const Json& row) {
  const auto is_flat = [](const auto& member) { return ends_with(member.first, kFlat); };
  const auto& members = row.get_ref<const Json::object_t&>();
  return (has(row, "fields") && row["fields"].is_object() && has(row, "responses") &&
          row["responses"].is_object()) ||
         std::any_of(members.begin(), members.end(), is_flat);
}

OwnRow own_argilla(const RowView& row) {
  const Record record = has(row.json, "fields") ? nested_record(row) : flat_record(row);
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
