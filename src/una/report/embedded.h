#pragma once

#include <string_view>

namespace una::report {

// Files that the program carries (see CMakeLists.txt): uPlot and the report's own script and style.
extern const std::string_view kUplotJs, kUplotCss, kReportJs, kReportCss;

}  // namespace una::report
