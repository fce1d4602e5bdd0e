#pragma once

#include <string>

#include "una/report/run_folder.h"

namespace una::report {

// Parts of the report, each a piece of HTML, "" when the folder has nothing for it.
std::string header_section(const RunFolder& run);
std::string health_section(const RunFolder& run);
std::string tiles_section(const RunFolder& run);
std::string final_metrics_section(const RunFolder& run);
std::string results_section(const RunFolder& run);  // the table of methods and the plot of their gains
std::string data_section(const RunFolder& run);     // what the reader understood
std::string samples_section(const RunFolder& run);
std::string evaluations_section(const RunFolder& run);  // held-out answers, a column an evaluation
std::string config_section(const RunFolder& run);

std::string table_cell(const std::string& style, const std::string& html);  // <td>
std::string titled_card(const std::string& title, const std::string& html);

}  // namespace una::report
