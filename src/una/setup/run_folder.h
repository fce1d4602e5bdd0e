#pragma once

#include <string>

namespace una::setup {

// Whether a training run in `folder` has come to something to go on with: a whole checkpoint, or its adapter or model. The
// HasResult (base/files/output_folder.h) of run folders; gives checkpoints their names where a kill came between.
bool has_run_result(const std::string& folder);

}  // namespace una::setup
