#include "una/data/sources.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "una/base/error.h"
#include "una/base/files.h"
#include "una/base/format.h"
#include "una/data/file_names.h"

namespace una::data::detail {
namespace {

std::optional<double> number_of(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  return text.empty() || *end != '\0' ? std::nullopt : std::optional(value);
}

// "rows.jsonl:0.7" -> its two parts.
DataSource split_weight(const std::string& text) {
  DataSource source{.name = text};
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || is_file(text) || is_folder(text)) return source;
  const std::string name = text.substr(0, colon);
  source.weight = number_of(text.substr(colon + 1));
  if (!source.weight) {
    check_input(!is_file(name) && !is_folder(name),
                cat("--dataset_name: the weight in \"", text, "\" is not a number, as in ", name, ":0.5"));
    return source;
  }
  check_input(std::isfinite(*source.weight) && *source.weight > 0,
              cat("--dataset_name: the weight in \"", text, "\" must be a number above 0"));
  source.name = name;
  return source;
}

void check_weights(const std::vector<DataSource>& sources) {
  const auto has_none = [](const DataSource& source) { return !source.weight; };
  const auto without = std::find_if(sources.begin(), sources.end(), has_none);
  if (without == sources.end() || std::all_of(sources.begin(), sources.end(), has_none)) return;
  throw InputError(cat("--dataset_name: \"", without->name,
                       "\" has no weight, but another name has one; give each name a weight, as in ",
                       without->name, ":1, or none"));
}

}  // namespace

std::vector<DataSource> find_sources(const DataOptions& options) {
  std::vector<DataSource> sources;
  for (const std::string& name : options.dataset_name) sources.push_back(split_weight(name));
  check_input(!sources.empty(),
              "--dataset_name (alias --data) is missing: give a .jsonl, .json, .csv or .tsv file of rows");
  for (DataSource& source : sources) source.files = expand_names({source.name});
  check_weights(sources);
  return sources;
}

}  // namespace una::data::detail
