#include "una/report/run_log.h"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/testing.h"
#include "una/report/rows.h"

namespace una::report {
namespace {
namespace fs = std::filesystem;

RunLogOptions quiet(const std::string& folder) {
  return {.output_dir = folder, .tensorboard = false, .logging_dir = "", .console_rows = false};
}

LogRow row_at(std::int64_t step, double loss) {
  return {.step = step, .epoch = 0.1 * static_cast<double>(step), .values = {{"loss", loss}}};
}

std::vector<Json> lines_of(const std::string& folder) {
  std::vector<Json> lines;
  for (const std::string& line : split(read_file(folder + "/metrics.jsonl"), '\n')) {
    if (!line.empty()) { lines.push_back(parse_json(line, "metrics.jsonl")); }
  }
  return lines;
}

TEST(RunLog, ARowIsInTheFileWithItsBookkeepingAsSoonAsItIsWritten) {
  const std::string folder = test_folder("run_log_row") + "/made/by/the/log";
  RunLog log(quiet(folder), 40, -1);
  LogRow row = row_at(10, 0.1 + 0.2);
  row.values["tokens_per_second"] = 812.5;
  row.values["num_tokens"] = 9000;
  log.write(row, 12.5, 37.5);
  const std::vector<Json> lines = lines_of(folder);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(
      lines[0].dump(),
      R"({"step":10,"epoch":1.0,"loss":0.30000000000000004,"num_tokens":9000.0,"tokens_per_second":812.5,)"
      R"("current_steps":10,"total_steps":40,"percentage":25.0,"elapsed_time":12.5,"remaining_time":37.5,)"
      R"("throughput":812.5,"total_tokens":9000.0})");
  EXPECT_EQ(log.history().size(), 1U);
}

TEST(RunLog, NumbersThatAreNotFiniteAreNullAndComeBackAsNan) {
  const std::string folder = test_folder("run_log_nan");
  {
    RunLog log(quiet(folder), 10, -1);
    log.write(row_at(1, std::numeric_limits<double>::infinity()), 1, 1);
  }
  EXPECT_TRUE(lines_of(folder).at(0).at("loss").is_null());
  const RunLog again(quiet(folder), 10, 1);
  EXPECT_TRUE(std::isnan(again.history().at(0).values.at("loss")));
}

TEST(RunLog, AResumedRunKeepsRowsUpToItsStepByteForByteAndForgetsTheRest) {
  const std::string folder = test_folder("run_log_resume");
  {
    RunLog log(quiet(folder), 40, -1);
    for (int step = 1; step <= 5; ++step) { log.write(row_at(step, 1.0 / step), step, 40 - step); }
  }
  const std::string before = read_file(folder + "/metrics.jsonl");
  RunLog log(quiet(folder), 40, 3);
  const std::string kept = read_file(folder + "/metrics.jsonl");
  EXPECT_EQ(kept, before.substr(0, kept.size()));
  ASSERT_EQ(log.history().size(), 3U);
  EXPECT_EQ(log.history()[2].values.at("loss"), 1.0 / 3);
  log.write(row_at(4, 0.5), 4, 36);
  const std::vector<Json> lines = lines_of(folder);
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[3].at("loss"), 0.5);
  EXPECT_EQ(log.history().size(), 4U);
}

TEST(RunLog, ALineTornByAKillIsDroppedOnResume) {
  const std::string folder = test_folder("run_log_torn");
  write_file(folder + "/metrics.jsonl",
             "{\"step\":1,\"epoch\":0.1,\"loss\":0.7}\n{\"step\":2,\"epoch\":0.2,\"lo");
  RunLog log(quiet(folder), 40, 2);
  ASSERT_EQ(log.history().size(), 1U);
  log.write(row_at(2, 0.5), 2, 38);
  EXPECT_EQ(lines_of(folder).size(), 2U);
}

TEST(RunLog, ABrokenLineInTheMiddleIsRefusedWithItsNumber) {
  const std::string folder = test_folder("run_log_broken");
  write_file(folder + "/metrics.jsonl", "{\"step\":1}\n{\"st\n{\"step\":3}\n");
  try {
    const RunLog log(quiet(folder), 40, 3);
    FAIL() << "no error";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("metrics.jsonl:2"), std::string::npos) << error.what();
  }
}

TEST(RunLog, AFreshRunStartsAnEmptyFile) {
  const std::string folder = test_folder("run_log_fresh");
  write_file(folder + "/metrics.jsonl", "{\"step\":1,\"loss\":1}\n");
  const RunLog log(quiet(folder), 40, -1);
  EXPECT_TRUE(log.history().empty());
  EXPECT_EQ(read_file(folder + "/metrics.jsonl"), "");
}

TEST(RunLog, WritesARowForPeopleWhenStandardErrorIsNoTerminal) {
  RunLogOptions options = quiet(test_folder("run_log_console"));
  options.console_rows = true;
  RunLog log(options, 100, -1);
  LogRow row = row_at(10, 0.693147);
  row.values["learning_rate"] = 5e-6;
  row.values["rewards/margins"] = 0.0123;
  row.values["rewards/accuracies"] = 0.5625;
  row.values["tokens_per_second"] = 1812.4;
  testing::internal::CaptureStderr();
  log.write(row, 7, 65);
  LogRow eval{.step = 10, .epoch = 1, .values = {{"eval_loss", 0.7}, {"eval_runtime", 3}}};
  log.write(eval, 7, 0);
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "step 10/100  epoch 1.00  loss 0.6931  lr 5e-06  margins 0.0123  accuracy 0.562  1,812 tokens/s  "
            "ETA 1:05\nstep 10/100  epoch 1.00  eval:  loss 0.7\n");
}

TEST(RunLog, ResumedRunsGoOnInTheSameTensorBoardFolder) {
  const std::string folder = test_folder("run_log_events");
  RunLogOptions options = quiet(folder);
  options.tensorboard = true;
  { const RunLog log(options, 10, -1); }
  { const RunLog log(options, 10, 4); }
  int folders = 0, files = 0;
  for (const auto& run : std::filesystem::directory_iterator(folder + "/runs")) {
    ++folders;
    for (const auto& file : std::filesystem::directory_iterator(run.path())) {
      EXPECT_TRUE(starts_with(file.path().filename().string(), "events.out.tfevents."));
      ++files;
    }
  }
  EXPECT_EQ(folders, 1);
  EXPECT_EQ(files, 2);
}

TEST(RunLog, WandbHasOneRunAlsoBehindAResume) {
  const std::string folder = test_folder("run_log_wandb");
  RunLogOptions options = quiet(folder);
  options.wandb = true;
  const auto write = [&](std::int64_t from, std::int64_t to, std::int64_t resume_step) {
    RunLog log(options, 40, resume_step);
    for (std::int64_t step = from; step <= to; ++step) { log.write(row_at(step, 0.5), 1, 2); }
  };
  const auto size = [&] {
    std::uintmax_t bytes = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder + "/wandb")) {
      if (entry.path().extension() == ".wandb") { bytes += entry.file_size(); }
    }
    return bytes;
  };
  write(1, 9, -1);
  const std::uintmax_t whole = size();
  write(3, 3, 2);
  EXPECT_LT(size(), whole) << "rows behind the checkpoint are gone";
  write(4, 9, 3);
  EXPECT_NEAR(static_cast<double>(size()), static_cast<double>(whole), 200)
      << "one file, as long as before but for clock times";
}

}  // namespace
}  // namespace una::report
