#include "una/rows/data_options.h"

#include <algorithm>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/containers/csv.h"
#include "una/text/encoder.h"
#include "una/words/label_values.h"

namespace una::rows {

Overlong parse_overlong(const std::string& name) {
  const std::vector<std::string> names = {"drop", "truncate_prompt_left", "truncate_completion", "error"};
  const auto found = std::find(names.begin(), names.end(), name);
  check_input(found != names.end(), "--overlong: \"", name, "\" is none of ", join(names, ", "));
  return static_cast<Overlong>(found - names.begin());
}

void check_options(const DataOptions& options) {
  check_input(options.max_length > 0, "--max_length must be at least 1");
  check_input(options.max_prompt_length >= 0, "--max_prompt_length must not be negative");
  check_input(options.allow_dropped >= 0 && options.allow_dropped <= 1, "--allow_dropped: give 0 to 1");
  check_input(options.max_row_mb > 0 && options.max_row_mb <= 1 << 20, "--max_row_mb: give 1 to 1048576");
  words::LabelValues{options.label_values};
  containers::csv_delimiter(options.csv_delimiter);
  text::is_strict_boundary(options.boundary);
  parse_overlong(options.overlong);
}

}  // namespace una::rows
