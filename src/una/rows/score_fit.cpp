#include "una/rows/score_fit.h"

#include "una/base/files/files.h"

namespace una::rows {

std::string score_fit_path(const std::string& path) {
  return is_folder(path) ? path + "/score_fit.json" : path;
}

}  // namespace una::rows
