#include "una/eval/tasks/task_files.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <set>
#include <utility>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/eval/tasks/python_list.h"

namespace una::eval {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string>& endings() {
  static const std::vector<std::string> kEndings = {
      ".jsonl",  ".json",   ".parquet",   ".csv",      ".tsv",     ".jsonl.gz", ".json.gz",
      ".csv.gz", ".tsv.gz", ".jsonl.zst", ".json.zst", ".csv.zst", ".tsv.zst"};
  return kEndings;
}

const Json& member(const rows::JsonRow& row, const char* name) {
  check_input(row.json.is_object(), row.where.text(), ": the row is not an object");
  const auto found = row.json.find(name);
  check_input(found != row.json.end() && !found->is_null(), row.where.text(), ": field \"", name,
              "\" is missing");
  return *found;
}

}  // namespace

std::optional<std::string> TaskFiles::find(const std::string& stem) const {
  for (const std::string& ending : endings()) {
    if (const std::string path = cat(folder_, "/", stem, ending); is_file(path)) { return path; }
  }
  return std::nullopt;
}

std::vector<std::string> TaskFiles::stems_with(const std::string& prefix) const {
  check_input(is_folder(folder_), folder_, " is not a folder; --data names the folder with the tasks' files");
  std::set<std::string> stems;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_)) {
    const std::string name = entry.path().filename().string();
    for (const std::string& ending : endings()) {
      if (starts_with(name, prefix) && ends_with(name, ending)) {
        stems.insert(name.substr(0, name.size() - ending.size()));
      }
    }
  }
  return {stems.begin(), stems.end()};
}

std::vector<rows::JsonRow> TaskFiles::read(const std::string& stem, std::int64_t most) const {
  const std::optional<std::string> path = find(stem);
  check_input(path.has_value(), folder_, " has no file ", stem,
              ".jsonl (or .json, .csv, .parquet); docs/eval.md lists ", "the files of each task");
  std::vector<rows::JsonRow> out;
  rows::read_plain_rows(*path, most, [&](std::vector<rows::JsonRow> some, double) {
    out.insert(out.end(), std::make_move_iterator(some.begin()), std::make_move_iterator(some.end()));
  });
  check_input(!out.empty(), *path, ": the file has no rows");
  return out;
}

std::vector<rows::JsonRow> TaskFiles::questions(const std::string& stem) const {
  return read(stem, limit_ > 0 ? limit_ : std::numeric_limits<std::int64_t>::max());
}

std::vector<rows::JsonRow> TaskFiles::all(const std::string& stem) const {
  return read(stem, std::numeric_limits<std::int64_t>::max());
}

std::string text_field(const rows::JsonRow& row, const char* name) {
  const Json& value = member(row, name);
  // A CSV reader, or the writer of a file, may have made a number of "7".
  if (value.is_number_integer()) { return std::to_string(value.get<std::int64_t>()); }
  if (value.is_boolean()) { return value.get<bool>() ? "True" : "False"; }
  check_input(value.is_string(), row.where.text(), ": field \"", name, "\" is not a string");
  return value.get<std::string>();
}

std::int64_t integer_field(const rows::JsonRow& row, const char* name) {
  const Json& value = member(row, name);
  double number = 0;
  if (value.is_number()) {
    number = value.get<double>();
  } else {
    const std::string text = value.is_string() ? value.get<std::string>() : "";
    check_input(
        !text.empty() && text.size() < 10 && text.find_first_not_of("0123456789") == std::string::npos,
        row.where.text(), ": field \"", name, "\" is not a whole number");
    number = std::stod(text);
  }
  check_input(number == std::floor(number) && std::abs(number) < 1e15, row.where.text(), ": field \"", name,
              "\" is not a whole number");
  return static_cast<std::int64_t>(number);
}

std::vector<std::string> list_field(const rows::JsonRow& row, const char* name) {
  const Json& value = member(row, name);
  std::vector<std::string> out;
  if (value.is_string()) {
    const auto read = parse_python_list(value.get<std::string>());
    check_input(read && !read->empty(), row.where.text(), ": field \"", name,
                "\" is neither a list of strings nor one written as Python does");
    return *read;
  }
  check_input(value.is_array() && !value.empty(), row.where.text(), ": field \"", name,
              "\" is not a list of strings");
  for (const Json& item : value) {
    check_input(item.is_string(), row.where.text(), ": field \"", name, "\" is not a list of strings");
    out.push_back(item.get<std::string>());
  }
  return out;
}

}  // namespace una::eval
