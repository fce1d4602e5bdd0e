#include "una/report/trackers/mlflow_store.h"

#include <cmath>
#include <filesystem>
#include <optional>
#include <stdexcept>

#include <gtest/gtest.h>

#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/testing.h"

namespace una::report {
namespace {
namespace fs = std::filesystem;

std::string run_folder(const std::string& store) {
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(store + "/0")) {
    if (entry.is_directory()) { found.push_back(entry.path().string()); }
  }
  EXPECT_EQ(found.size(), 1U) << "one run";
  return found.at(0);
}

// The values and steps of a metric's file, without the times.
std::string points(const std::string& store, const std::string& name) {
  std::string out;
  for (const std::string& line : split(read_file(cat(run_folder(store), "/metrics/", name)), '\n')) {
    if (!line.empty()) { out += line.substr(line.find(' ') + 1) + ";"; }
  }
  return out;
}

std::string status(const std::string& store) {
  const std::string meta = read_file(run_folder(store) + "/meta.yaml");
  const std::size_t begin = meta.find("\nstatus: ") + 9;
  return meta.substr(begin, meta.find('\n', begin) - begin);
}

TEST(MlflowStore, MetricsParametersAndStatusAreInTheirFiles) {
  const std::string store = test_folder("mlflow_store") + "/mlruns";
  std::optional<MlflowStore> log;
  log.emplace(MlflowStore::Options{.store = store, .run_name = "a run: 1", .params = {{"beta", "0.1"}}});
  log->write(1, {{"train/loss", 0.5}, {"eval/x", std::nan("")}});
  log->write(2, {{"train/loss", 1e-7}});
  EXPECT_EQ(points(store, "train/loss"), "0.5 1;1e-07 2;");
  EXPECT_EQ(points(store, "eval/x"), "nan 1;");
  EXPECT_EQ(read_file(run_folder(store) + "/params/beta"), "0.1");
  EXPECT_EQ(read_file(run_folder(store) + "/tags/mlflow.runName"), "a run: 1");
  EXPECT_EQ(status(store), "1");
  log.reset();
  EXPECT_EQ(status(store), "3");
}

TEST(MlflowStore, AResumedRunGoesOnBehindItsCheckpoint) {
  const std::string store = test_folder("mlflow_resumed") + "/mlruns";
  {
    const MlflowStore log({.store = store, .run_name = "r", .params = {}});
    for (const int step : {1, 2, 3}) { log.write(step, {{"train/loss", step}}); }
  }
  const std::string before = run_folder(store);
  const MlflowStore again({.store = store, .run_name = "r", .params = {}, .resume_step = 2});
  EXPECT_EQ(run_folder(store), before);
  EXPECT_EQ(points(store, "train/loss"), "1 1;2 2;");
  again.write(3, {{"train/loss", 30}});
  EXPECT_EQ(points(store, "train/loss"), "1 1;2 2;30 3;");
}

TEST(MlflowStore, AnExceptionMarksTheRunAsFailed) {
  const std::string store = test_folder("mlflow_failed") + "/mlruns";
  try {
    const MlflowStore log({.store = store, .run_name = "r", .params = {}});
    throw std::runtime_error("stop");
  } catch (const std::runtime_error&) { EXPECT_EQ(status(store), "4"); }
}

}  // namespace
}  // namespace una::report
