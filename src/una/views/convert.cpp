#include "una/views/convert.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <vector>

#include <unistd.h>

#include "una/base/error.h"
#include "una/base/files/file_writer.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json_line.h"
#include "una/base/os/stop_point.h"
#include "una/rows/files/sources.h"
#include "una/views/mapped_rows.h"
#include "una/views/native_row.h"
#include "una/views/views.h"

namespace una::views {
namespace {

struct Form {
  const char* name;
  const char* feedback;      // the view that makes it
  std::optional<Unit> unit;  // of its rows; native: any
};

constexpr Form kForms[] = {{"pairs", "pairwise", Unit::kPair},
                           {"binary", "binary", Unit::kBinary},
                           {"scores", "score", Unit::kScore},
                           {"groups", "group", Unit::kGroup},
                           {"native", "auto", std::nullopt}};

// The index of `value` among `names`.
std::size_t choice_of(const std::string& key, const std::string& value,
                      const std::vector<std::string>& names) {
  const auto found = std::find(names.begin(), names.end(), value);
  if (found != names.end()) { return static_cast<std::size_t>(found - names.begin()); }
  const std::string nearest = nearest_name(value, names);
  throw InputError(cat("--", key, ": \"", value, "\" is none of ", join(names, ", "),
                       nearest.empty() ? "" : "; did you mean \"" + nearest + "\"?"));
}

const Form& form_of(const ConvertOptions& options) {
  return kForms[choice_of("to", options.to, {"pairs", "binary", "scores", "groups", "native"})];
}

PairOptions pair_options(const ConvertOptions& options, const Form& form) {
  PairOptions pairs;
  pairs.choice =
      static_cast<PairChoice>(choice_of("pairs", options.pairs, {"best_worst", "all", "adjacent"}));
  check_input(std::isfinite(options.min_margin) && options.min_margin >= 0, "--min_margin must be 0 or more");
  pairs.min_margin = options.min_margin;
  const bool asked = pairs.choice != PairChoice::kBestWorst || pairs.min_margin > 0;
  check_input(!asked || form.unit == Unit::kPair, "--pairs and --min_margin are for --to pairs, but --to is ",
              options.to);
  return pairs;
}

// The declared ranges of scores, by where the scores were read.
class Ranges {
 public:
  void add(const rows::ReadRow& row) {
    if (row.scored && row.range) { by_file_[row.example.where.file][row.example.where.line] = *row.range; }
  }
  std::optional<rows::ScoreRange> of(const Where& where) const {
    const auto file = by_file_.find(where.file);
    if (file == by_file_.end()) { return std::nullopt; }
    const auto found = file->second.find(where.line);
    return found == file->second.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  std::map<std::string, std::map<std::int64_t, rows::ScoreRange>> by_file_;
};

// Takes out the rows of other kinds, which no view could turn into `form`.
void keep_form(std::vector<Example>& examples, const Form& form, rows::DropLog& drops) {
  if (!form.unit) { return; }
  std::vector<Example> kept;
  for (Example& example : examples) {
    if (example.unit == *form.unit) {
      kept.push_back(std::move(example));
      continue;
    }
    drops.add(example.where,
              cat("of kind ", unit_name(example.unit), ", has nothing to make ", form.name, " of"));
  }
  examples = std::move(kept);
}

void check_not_read(const rows::DataOptions& options, const std::string& path) {
  for (const rows::DataSource& source : rows::find_sources(options)) {
    for (const std::string& name : source.files) {
      std::error_code absent;
      check_input(!std::filesystem::equivalent(name, path, absent), path,
                  " is one of the files to read; give another --out");
    }
  }
}

void write_left_out(const rows::DropLog& drops, const std::string& path) {
  if (drops.size() > 0) {
    drops.write(path);
  } else {
    ::unlink(path.c_str());  // of an earlier conversion
  }
}

void write_rows(const std::vector<Example>& examples, const Ranges& ranges, const std::string& path,
                ConvertReport& report) {
  write_file_with(path, [&](const std::string& temporary) {
    FileWriter out(temporary, path);
    for (const Example& example : examples) {
      const NativeRow row = native_row(example, ranges.of(example.where));
      report.lost_reference += row.lost_reference ? 1 : 0;
      out.write(json_line(row.json));
    }
    out.close();
  });
}

}  // namespace

ConvertReport convert_rows(const rows::DataOptions& options, const ConvertOptions& convert,
                           const std::string& path) {
  const Form& form = form_of(convert);
  const PairOptions pairs = pair_options(convert, form);
  rows::DataOptions reading = options;
  reading.feedback = form.feedback;
  check_not_read(options, path);
  rows::check_options(reading);
  ConvertReport report;
  rows::DropLog drops;
  Ranges ranges;
  std::vector<rows::ReadRow> rows = read_mapped(reading, report.read);
  for (const rows::ReadRow& row : rows) { ranges.add(row); }
  stop_point();
  remove_degenerate(rows, drops);
  std::vector<Example> examples = derive_views(std::move(rows), reading, report.read, drops, pairs);
  stop_point();
  keep_form(examples, form, drops);
  remove_duplicates(examples, drops);
  report.read.rows_kept = std::ssize(examples);
  for (const Example& example : examples) { ++report.read.by_unit[unit_name(example.unit)]; }
  report.read.dropped = drops.by_reason();
  check_input(!examples.empty(), "no row is left to write as ", convert.to, "\n", report.read.text(0));
  write_rows(examples, ranges, path, report);
  write_left_out(drops, path + ".left_out.jsonl");
  return report;
}

}  // namespace una::views
