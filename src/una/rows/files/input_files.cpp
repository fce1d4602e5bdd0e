#include "una/rows/files/input_files.h"

#include "una/base/files/files.h"
#include "una/rows/files/dataset_info.h"
#include "una/rows/files/sources.h"
#include "una/rows/score_fit.h"

namespace una::rows {

std::vector<std::string> input_files(const DataOptions& options) {
  std::vector<std::string> out;
  if (!options.dataset_name.empty()) {
    for (const DataSource& source : find_sources(options)) {
      out.insert(out.end(), source.files.begin(), source.files.end());
    }
  }
  if (!options.dataset_dir.empty()) { out.push_back(dataset_info_path(options.dataset_dir)); }
  if (is_file(options.chat_template_path)) { out.push_back(options.chat_template_path); }
  if (!options.score_fit.empty()) { out.push_back(score_fit_path(options.score_fit)); }
  return out;
}

}  // namespace una::rows
