#pragma once

#include <cstdint>
#include <string>

#include "una/base/json.h"

namespace una::report {

// report.html from a run folder (run.yaml, metrics.jsonl, data.json, results.json, samples.jsonl, eval_samples.jsonl,
// health.txt and summary.json where they exist): a pure function of it. Self-contained (uPlot inlined), light and
// dark. A folder with results.json whose subfolders hold metrics.jsonl becomes a comparison: one curve a
// subfolder. InputError when neither the folder nor a subfolder holds metrics.
//   summary.json: {"una" (its version), "finished" (a date), "peak_memory_mb"}, all optional
//   results.json: {"seed", "methods": [{"name", "gold_before", "gold_after", "gain_ci95": [low, high],
//                  "win_rate", "kl", "seconds", "peak_mb", ...}]}; "folder" names the method's
//                  subfolder where it is not "name"
//   samples.jsonl: objects; their keys become columns
std::string html_report(const std::string& run_folder);
void write_html_report(const std::string& run_folder);  // run_folder/report.html, whole or not at all

// What the numbers say, in words: one finding a line, worst first; "" when all is well. `metrics_jsonl` is
// the text of the file, not its path. Pure function of the rows.
std::string health_text(const std::string& metrics_jsonl, const std::string& method);
// The same of rows that were cut to max_length, when they are half of those kept or more.
std::string cut_rows_text(std::int64_t truncated, std::int64_t kept);

}  // namespace una::report
