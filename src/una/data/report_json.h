#pragma once

#include <string>

#include "una/base/json.h"
#include "una/data/dataset.h"

namespace una::data::detail {

// A report whole, and back (ReadReport::json() is a digest for people and plots). `what` names the file in
// errors.
Json report_json(const rows::ReadReport& report);
rows::ReadReport read_report(const Json& json, const std::string& what);

}  // namespace una::data::detail
