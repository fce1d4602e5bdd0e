#pragma once

#include <string>

#include "una/base/json.h"

namespace una::report {

// report.html from a run folder (run.yaml, metrics.jsonl, data.json, results.json, samples.jsonl, health.txt
// where they exist): a pure function of it. Self-contained (uPlot inlined), light and dark. InputError when
// the folder holds no metrics.
std::string html_report(const std::string& run_folder);
void write_html_report(const std::string& run_folder);

// What the numbers say, in words: one finding a line, worst first; "" when all is well. Pure function of the
// rows.
std::string health_text(const std::string& metrics_jsonl, const std::string& method);

}  // namespace una::report
