#pragma once

#include <cstdint>
#include <string>

#include "una/rows/data_options.h"
#include "una/rows/read_report.h"

// Rows of any form -> a file of our own rows in one form.
namespace una::views {

// The keys of `una convert` that decide the form of the rows.
struct ConvertOptions {
  std::string to = "native";
  std::string pairs = "best_worst";
  double min_margin = 0;
  template <class V>
  void fields(V&& v) {
    v("to", to, "the form to write: pairs | binary | scores | groups | native (each row in its own kind)");
    v("pairs", pairs,
      "to pairs, of the scored answers to a prompt: best_worst (one pair) | all (each two) | adjacent "
      "(neighbours in the order of scores)");
    v("min_margin", min_margin,
      "to pairs: only pairs whose margin is at least this; scores count as mapped to 0..1");
  }
};

// What convert_rows read, wrote and left out.
struct ConvertReport {
  rows::ReadReport read;            // rows_kept and by_unit are the rows written
  std::int64_t lost_reference = 0;  // rows written without their ref_rewards or sampled_from
};

// Writes `path`, whole or not at all, and PATH.left_out.jsonl (file, line, reason) when rows were left out.
// DataOptions::feedback is not looked at. InputError on a wrong option, and when no row is left to write.
ConvertReport convert_rows(const rows::DataOptions& options, const ConvertOptions& convert,
                           const std::string& path);

}  // namespace una::views
