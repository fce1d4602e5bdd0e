#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace una::report {

// One run in MLflow's file store, as MLflow 3 reads it (FileStore; `mlflow migrate-filestore` copies it into a database):
// STORE/0/RUN_ID with meta.yaml, params, tags, and a file per metric with lines "milliseconds value step". A metric's line is
// on disk when write() returns. One thread.
class MlflowStore {
 public:
  struct Options {
    std::string store;                          // "OUT/mlruns"
    std::string run_name;                       // as the page lists it
    std::map<std::string, std::string> params;  // the run's keys
    std::int64_t resume_step = -1;              // the store's run goes on behind this step; -1: a new run
  };
  explicit MlflowStore(const Options& options);
  // The run counts as finished, or as failed when an exception is under way.
  ~MlflowStore();
  MlflowStore(const MlflowStore&) = delete;
  MlflowStore& operator=(const MlflowStore&) = delete;
  // Names may have slashes, which become folders: "train/loss".
  void write(std::int64_t step, const std::map<std::string, double>& values) const;

 private:
  void write_meta(int status) const;

  std::string folder_, run_id_, run_name_;
  std::int64_t start_ = 0;  // milliseconds since 1970
  int exceptions_ = 0;
};

}  // namespace una::report
