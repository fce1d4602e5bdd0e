#include "una/rows/files/sources.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/containers/file_names.h"

namespace una::rows {
namespace {

std::optional<double> number_of(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  return text.empty() || *end != '\0' ? std::nullopt : std::optional(value);
}

// "rows.jsonl:0.7" -> its two parts.
template <class Exists>
DataSource split_weight(const std::string& text, const Exists& exists) {
  DataSource source{.name = text};
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || exists(text)) { return source; }
  const std::string name = text.substr(0, colon);
  source.weight = number_of(text.substr(colon + 1));
  if (!source.weight) {
    check_input(!exists(name), "--data: the weight in \"", text, "\" is not a number, as in ", name, ":0.5");
    return source;
  }
  check_input(std::isfinite(*source.weight) && *source.weight > 0, "--data: the weight in \"", text,
              "\" must be a number above 0");
  source.name = name;
  return source;
}

void check_weights(const std::vector<DataSource>& sources) {
  const auto has_none = [](const DataSource& source) { return !source.weight; };
  const auto without = std::find_if(sources.begin(), sources.end(), has_none);
  if (without == sources.end() || std::all_of(sources.begin(), sources.end(), has_none)) { return; }
  throw InputError(cat("--data: \"", without->name,
                       "\" has no weight, but another name has one; give each name a weight, as in ",
                       without->name, ":1, or none"));
}

DataSource source_of_files(const std::string& text) {
  DataSource source =
      split_weight(text, [](const std::string& name) { return is_file(name) || is_folder(name); });
  source.files = containers::expand_names({source.name});
  return source;
}

DataSource source_of_entry(const std::string& text, const Json& info, const std::string& folder) {
  DataSource source = split_weight(text, [&](const std::string& name) { return info.contains(name); });
  const std::string path = dataset_info_path(folder);
  if (!info.contains(source.name)) {
    std::vector<std::string> names;
    for (const auto& [name, entry] : info.items()) { names.push_back(name); }
    const std::string near = nearest_name(source.name, names);
    constexpr std::size_t kShown = 8;
    const std::string rest = names.size() > kShown ? ", ..." : "";
    if (names.size() > kShown) { names.resize(kShown); }
    throw InputError(cat("--data: ", path, " has no entry \"", source.name, "\"",
                         near.empty() ? cat(", but ", names.empty() ? "none at all" : join(names, ", "), rest)
                                      : cat("; did you mean \"", near, "\"?")));
  }
  source.entry.emplace(source.name, info[source.name], path);
  const std::string& file = source.entry->file_name();
  source.files = containers::expand_names({starts_with(file, "/") ? file : cat(folder, "/", file)});
  return source;
}

}  // namespace

std::vector<DataSource> find_sources(const DataOptions& options) {
  const std::string& folder = options.dataset_dir;
  const Json info = folder.empty() ? Json() : read_dataset_info(folder);
  std::vector<DataSource> sources;
  for (const std::string& name : options.dataset_name) {
    sources.push_back(folder.empty() ? source_of_files(name) : source_of_entry(name, info, folder));
  }
  check_input(
      !sources.empty(),
      "--data (or --dataset_name) is missing: give a .jsonl, .json, .csv, .tsv or .parquet file of rows");
  check_weights(sources);
  return sources;
}

std::uint64_t bytes_of(const std::vector<std::string>& files) {
  std::uint64_t sum = 0;
  for (const std::string& path : files) {
    std::error_code error;
    const auto size = std::filesystem::file_size(path, error);
    sum += error ? 0 : size;
  }
  return sum;
}

}  // namespace una::rows
