#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "una/base/files/append_file.h"

namespace una::report {

// One run as W&B's SDK leaves it offline, for `wandb sync FOLDER/offline-run-...`: run-ID.wandb holds protobuf records
// (wandb_internal.proto) in LevelDB's log blocks. A row's records are in the file when write() returns. As transformers'
// callback does, rows are counted by W&B's own step and plotted over "train/global_step". One thread.
class WandbFolder {
 public:
  struct Row {
    std::int64_t step = 0;
    std::map<std::string, double> values;
  };
  struct Options {
    std::string folder;                         // "OUT/wandb"
    std::string run_name;                       // as the page lists it
    std::string project;                        // that a sync without --project writes to
    std::map<std::string, std::string> params;  // the run's keys
    std::vector<Row> history;                   // rows up to the step behind which the run goes on
    bool resumes = false;                       // the folder's newest run goes on, if it has the history
  };
  explicit WandbFolder(const Options& options);
  // The run counts as finished, or as failed when an exception is under way.
  ~WandbFolder();
  WandbFolder(const WandbFolder&) = delete;
  WandbFolder& operator=(const WandbFolder&) = delete;
  void write(std::int64_t step, const std::map<std::string, double>& values);

 private:
  bool goes_on(const Options& options);
  void begin(const Options& options);
  void write_row(const Row& row, bool timed);
  void append(unsigned field, const std::string& message);

  std::string path_;
  std::unique_ptr<AppendFile> file_;
  std::uint64_t size_ = 0;     // bytes in the file: blocks are counted from its start
  std::uint64_t records_ = 0;  // written so far
  std::int64_t rows_ = 0;      // W&B's step
  double start_ = 0;           // seconds since 1970
  int exceptions_ = 0;
};

}  // namespace una::report
