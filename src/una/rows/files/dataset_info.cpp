#include "una/rows/files/dataset_info.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/rows/schemas/fields.h"
#include "una/words/columns.h"

namespace una::rows {
namespace {

using Names = std::map<std::string, std::string>;

// Read from every row, whatever the entry names.
constexpr std::array kAlwaysRead = {"weight", "margin", "group_id", "source", "chat_template_kwargs"};

// LLaMA-Factory's defaults; those of the columns hold only when the entry has no "columns" at all.
const Names& default_columns() {
  static const Names names = {
      {"prompt", "instruction"}, {"query", "input"}, {"response", "output"}, {"messages", "conversations"}};
  return names;
}

const Names& sharegpt_tags() {
  static const Names names = {
      {"role_tag", "from"},     {"content_tag", "value"},           {"user_tag", "human"},
      {"assistant_tag", "gpt"}, {"observation_tag", "observation"}, {"function_tag", "function_call"},
      {"system_tag", "system"}};
  return names;
}

const Names& openai_tags() {
  static const Names names = {{"role_tag", "role"},        {"content_tag", "content"},
                              {"user_tag", "user"},        {"assistant_tag", "assistant"},
                              {"observation_tag", "tool"}, {"function_tag", "function"},
                              {"system_tag", "system"}};
  return names;
}

// A speaker's tag -> our role.
const Names& roles() {
  static const Names names = {{"user_tag", "user"},
                              {"assistant_tag", "assistant"},
                              {"observation_tag", "tool"},
                              {"function_tag", "assistant"},
                              {"system_tag", "system"}};
  return names;
}

// Names of "columns" or "tags", laid over `base`.
Names names_of(const Json& entry, const char* key, Names base, const std::string& what) {
  const auto found = entry.find(key);
  if (found == entry.end() || found->is_null()) { return base; }
  check_input(found->is_object(), what, ": \"", key, "\" must be an object");
  for (const auto& [name, value] : found->items()) {
    check_input(value.is_string() || value.is_null(), what, ": \"", key, ".", name, "\" must be a string");
    base[name] = value.is_null() ? "" : value.get<std::string>();
  }
  return base;
}

void check_local(const Json& entry, const std::string& what) {
  for (const char* key : {"hf_hub_url", "ms_hub_url", "om_hub_url", "script_url", "cloud_file_name"}) {
    check_input(!has(entry, key), what, " has ", key,
                ", but una reads files of this machine only; fetch the rows and give "
                "their file as file_name");
  }
  check_input(!has(entry, "num_samples"), what,
              ": num_samples is not known here; give weights (--data a:0.7,b:0.3) or --max_rows");
}

void check_text_only(const Names& columns, const std::string& what) {
  for (const char* key : {"images", "videos", "audios"}) {
    const auto found = columns.find(key);
    check_input(found == columns.end() || found->second.empty(), what, " has ", key,
                ", but una reads text only");
  }
}

}  // namespace

DatasetEntry::DatasetEntry(std::string name, const Json& entry, const std::string& info_path)
    : name_(std::move(name)), info_path_(info_path) {
  const std::string what = cat(info_path, ": the entry \"", name_, "\"");
  check_input(entry.is_object(), what, " must be an object");
  check_local(entry, what);
  file_name_ = string_member(entry, "file_name", "", what);
  check_input(!file_name_.empty(), what, " has no file_name");
  formatting_ = string_member(entry, "formatting", "alpaca", what);
  check_input(formatting_ == "alpaca" || formatting_ == "sharegpt" || formatting_ == "openai", what,
              ": the formatting \"", formatting_, "\" is none of alpaca, sharegpt, openai");
  ranking_ = bool_member(entry, "ranking", false, what);
  columns_ = names_of(entry, "columns", has(entry, "columns") ? Names{} : default_columns(), what);
  tags_ = names_of(entry, "tags", formatting_ == "openai" ? openai_tags() : sharegpt_tags(), what);
  check_text_only(columns_, what);
  const bool named = !column("chosen").empty() && !column("rejected").empty();
  check_input(!ranking_ || named || (formatting_ == "alpaca" && !column("response").empty()), what,
              " is ranking, so its columns must name chosen and rejected");
  check_input(formatting_ == "alpaca" || !column("messages").empty(), what,
              ": its columns must name messages");
  check_input(formatting_ != "alpaca" || !column("prompt").empty(), what, ": its columns must name prompt");
}

std::string DatasetEntry::column(const char* part) const {
  const auto found = columns_.find(part);
  return found == columns_.end() ? "" : found->second;
}

void DatasetEntry::copy(const Json& theirs, const char* part, Json& out) const {
  const std::string name = column(part);
  if (!name.empty() && has(theirs, name.c_str())) { out[part] = theirs[name]; }
}

Json DatasetEntry::message(const Json& theirs, const std::string& field, const Where& where) const {
  const RowView row{theirs, where};
  if (!theirs.is_object()) { wrong_type(row, field, "a message", theirs); }
  const std::string& role_key = tags_.at("role_tag");
  const std::string& content_key = tags_.at("content_tag");
  if (!has_string(theirs, role_key.c_str())) {
    bad_field(row, cat(field, ".", role_key), "must be a string");
  }
  const std::string speaker = theirs[role_key].get<std::string>();
  Json out = Json::object();
  for (const auto& [tag, role] : roles()) {
    if (speaker == tags_.at(tag)) { out["role"] = role; }
  }
  if (out.empty()) {
    bad_field(row, cat(field, ".", role_key),
              cat("is \"", speaker, "\", which is none of the tags of \"", name_, "\" in ", info_path_));
  }
  for (const auto& [key, value] : theirs.items()) {
    if (key != role_key) { out[key == content_key ? "content" : key] = value; }
  }
  return out;
}

Json DatasetEntry::messages(const Json& theirs, const std::string& field, const Where& where) const {
  if (!theirs.is_array()) { return message(theirs, field, where); }
  Json out = Json::array();
  for (std::size_t i = 0; i < theirs.size(); ++i) {
    out.push_back(message(theirs[i], cat(field, "[", i, "]"), where));
  }
  return out;
}

Json DatasetEntry::alpaca(const Json& theirs, const Where& where) const {
  const RowView row{theirs, where};
  Json out = {{"instruction", string_field(row, column("prompt").c_str())}};
  if (const std::string query = column("query"); !query.empty() && has(theirs, query.c_str())) {
    out["input"] = string_field(row, query.c_str());
  }
  copy(theirs, "history", out);
  copy(theirs, "system", out);
  copy(theirs, "kto_tag", out);
  if (ranking_ && !column("chosen").empty()) {
    out["chosen"] = need(row, column("chosen").c_str());
    out["rejected"] = need(row, column("rejected").c_str());
  } else if (const std::string response = column("response"); !response.empty()) {
    out["output"] = need(row, response.c_str());
  } else {  // nothing but text to go on from
    const std::string input = out.contains("input") ? "\n" + out["input"].get<std::string>() : "";
    return {{"prompt", out["instruction"].get<std::string>() + input}};
  }
  return out;
}

Json DatasetEntry::sharegpt(const Json& theirs, const Where& where) const {
  const RowView row{theirs, where};
  const std::string field = column("messages");
  Json out = {{"conversations", messages(need(row, field.c_str()), field, where)}};
  const Json& turns = out["conversations"];
  const bool has_system = turns.is_array() && !turns.empty() && turns[0]["role"] == "system";
  if (!has_system) { copy(theirs, "system", out); }
  copy(theirs, "kto_tag", out);
  if (ranking_) {
    for (const char* part : {"chosen", "rejected"}) {
      out[part] = messages(need(row, column(part).c_str()), column(part), where);
    }
  }
  return out;
}

Json DatasetEntry::row(const Json& theirs, const Where& where) const {
  check_input(theirs.is_object(), where.text(), ": a row must be a JSON object, found ", theirs.type_name());
  Json out = formatting_ == "alpaca" ? alpaca(theirs, where) : sharegpt(theirs, where);
  copy(theirs, "tools", out);
  for (const char* key : kAlwaysRead) {
    if (has(theirs, key)) { out[key] = theirs[key]; }
  }
  return out;
}

std::vector<std::string> DatasetEntry::unread(const Json& theirs, const Where& where) const {
  std::vector<std::string> names;
  for (const auto& [key, value] : theirs.items()) {
    const auto is_named = [&, &name = key](const auto& column) { return column.second == name; };
    if (value.is_null() || key == "ignored" || std::any_of(columns_.begin(), columns_.end(), is_named) ||
        std::find(kAlwaysRead.begin(), kAlwaysRead.end(), key) != kAlwaysRead.end()) {
      continue;
    }
    const words::Column* column = words::find_column(key);
    const bool mark = column != nullptr && column->is_feedback() && (key != "tag" || value.is_boolean());
    if (mark && !ranking_ && this->column("kto_tag").empty()) {
      bad_field({theirs, where}, key,
                cat("looks like feedback, and the entry \"", name_, "\" of ", info_path_,
                    " does not name it; \"kto_tag\": \"", key,
                    "\" in its columns reads it, --columns ignored=", key, " trains without it"));
    }
    names.push_back(key);
  }
  return names;
}

std::string dataset_info_path(const std::string& folder) { return folder + "/dataset_info.json"; }

Json read_dataset_info(const std::string& folder) {
  const std::string path = dataset_info_path(folder);
  check_input(is_file(path), "--dataset_dir: there is no ", path,
              "; give the folder of LLaMA-Factory's dataset_info.json");
  Json info = read_json_file(path);
  check_input(info.is_object(), path, ": must be an object of data sets");
  return info;
}

}  // namespace una::rows
