#pragma once

#include <string>
#include <vector>

#include "una/base/json.h"
#include "una/base/options.h"
#include "una/report/rows.h"

namespace una::report {

// What a report is made of, read once. Files that do not exist leave their member empty (JSON: null).
struct RunFolder {
  std::string name;       // the folder's own name
  std::string label;      // what a comparison calls it: the method's name of results.json, else `name`
  std::string yaml_text;  // run.yaml
  Settings settings;      // the same, understood
  std::vector<StoredRow> rows;
  std::string health;                  // health.txt, else what health_text says of the rows
  std::string date_of = "Date", date;  // "Started", "Finished" or, of the files, "Date"
  std::string version;                 // of the una that ran
  double peak_mb = 0;                  // 0: not known
  Json data, results;
  std::vector<Json> samples;
  std::vector<Json> evaluations;  // lines of eval_samples.jsonl
  bool has_report = false;        // it holds a report.html
  std::vector<RunFolder> parts;   // subfolders with metrics; only where they are to be compared

  std::vector<LogRow> log_rows() const;
  std::string setting(const char* key) const;  // as text, "" when absent
  double seconds() const;                      // of the last row
};

// InputError when neither the folder nor a subfolder holds metrics.jsonl, or when a file cannot be read.
RunFolder read_run_folder(const std::string& path);

}  // namespace una::report
