#include "una/setup/run_folder.h"

#include "una/base/files/files.h"
#include "una/train/checkpoint.h"

namespace una::setup {

// Configurations are the last file of an adapter and of a model (write_trained).
bool has_run_result(const std::string& folder) {
  return is_file(folder + "/adapter_config.json") || is_file(folder + "/config.json") ||
         !train::latest_checkpoint(folder).empty();
}

}  // namespace una::setup
