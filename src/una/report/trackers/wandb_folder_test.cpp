#include "una/report/trackers/wandb_folder.h"

#include <cmath>
#include <filesystem>
#include <optional>
#include <stdexcept>

#include <gtest/gtest.h>

#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/testing.h"
#include "una/report/trackers/wire_format.h"

namespace una::report {
namespace {
namespace fs = std::filesystem;

std::string run_file(const std::string& folder) {
  std::vector<std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".wandb") { found.push_back(entry.path().string()); }
  }
  EXPECT_EQ(found.size(), 1U) << "one run";
  return found.at(0);
}

// A reader of LevelDB's log, written from its description and not from the writer: the records, with checked sums.
std::vector<std::string> records(const std::string& folder) {
  const std::string file = read_file(run_file(folder));
  EXPECT_EQ(file.substr(0, 7), std::string(":W&B\xE1\xBE\0", 7));
  std::vector<std::string> out(1);
  for (std::size_t at = 7; at < file.size();) {
    const std::size_t left = 32768 - at % 32768;
    if (left < 7) {
      EXPECT_EQ(file.substr(at, left), std::string(left, '\0'));
      at += left;
      continue;
    }
    const auto byte = [&](std::size_t i) {
      return static_cast<std::uint32_t>(static_cast<unsigned char>(file.at(at + i)));
    };
    const std::uint32_t sum = byte(0) | byte(1) << 8U | byte(2) << 16U | byte(3) << 24U;
    const std::size_t length = byte(4) | byte(5) << 8U;
    EXPECT_LE(7 + length, left) << "a fragment crosses a block";
    EXPECT_EQ(crc32(file.substr(at + 6, 1 + length), kZlib), sum);
    out.back() += file.substr(at + 7, length);
    if (byte(6) == 1 || byte(6) == 4) { out.emplace_back(); }
    at += 7 + length;
  }
  EXPECT_EQ(out.back(), "") << "the last record is whole";
  out.pop_back();
  return out;
}

bool has(const std::string& record, const std::string& text) {
  return record.find(text) != std::string::npos;
}

WandbFolder::Options options(const std::string& name) {
  return {.folder = test_folder(name) + "/wandb",
          .run_name = "a run",
          .project = "p",
          .params = {},
          .history = {},
          .resumes = false};
}

TEST(WandbFolder, ARunBeginsWithItsKeysAndEachRowHasASummaryAndAHistory) {
  WandbFolder::Options chosen = options("wandb_rows");
  chosen.params = {{"beta", "0.1"}, {"method", "dpo"}};
  std::optional<WandbFolder> log(std::in_place, chosen);
  log->write(5, {{"train/loss", 0.5}, {"eval/x", std::nan("")}});
  log->write(5, {{"eval/loss", 1e-7}});
  log.reset();
  const std::vector<std::string> found = records(chosen.folder);
  ASSERT_EQ(found.size(), 8U);  // header, run, metric, two a row, exit
  EXPECT_TRUE(has(found[1],
                  "\x0A\x04"
                  "beta\x82\x01\x03"
                  "0.1"));
  EXPECT_TRUE(has(found[1], "\x82\x01\x05\"dpo\""));
  EXPECT_TRUE(has(found[2], "train/global_step"));
  EXPECT_TRUE(has(found[4],
                  "train/loss\x82\x01\x03"
                  "0.5"));
  EXPECT_TRUE(has(found[4], "eval/x\x82\x01\x05\"NaN\""));
  EXPECT_TRUE(has(found[4],
                  "_step\x82\x01\x01"
                  "0"));
  EXPECT_TRUE(has(found[6],
                  "_step\x82\x01\x01"
                  "1"))
      << "W&B's own step counts rows: two rows may have one step";
  EXPECT_TRUE(has(found[6],
                  "train/global_step\x82\x01\x01"
                  "5"));
  EXPECT_TRUE(has(found[7], std::string("\x92\x01\x04\x08\x00\x10", 6))) << "exit code 0";
}

TEST(WandbFolder, RecordsCrossBlocksAsFragments) {
  WandbFolder::Options chosen = options("wandb_blocks");
  chosen.params = {{"long", std::string(100'000, 'x')}};
  std::optional<WandbFolder> log(std::in_place, chosen);
  for (int step = 0; step < 2000; ++step) {
    log->write(step, {{cat("train/", std::string(step % 40, 'n')), step}});
  }
  log.reset();
  const std::vector<std::string> found = records(chosen.folder);
  ASSERT_EQ(found.size(), 3U + 2 * 2000 + 1);
  EXPECT_TRUE(has(found[1], std::string(100'000, 'x')));
}

TEST(WandbFolder, AResumedRunGoesOnBehindItsCheckpoint) {
  WandbFolder::Options chosen = options("wandb_resumed");
  {
    WandbFolder log(chosen);
    for (const int step : {1, 2, 3}) { log.write(step, {{"train/loss", step}}); }
  }
  const std::vector<std::string> before = records(chosen.folder);
  chosen.resumes = true;
  chosen.history = {{1, {{"train/loss", 1}}}, {2, {{"train/loss", 2}}}};
  { WandbFolder(chosen).write(3, {{"train/loss", 30}}); }
  const std::vector<std::string> after = records(chosen.folder);
  ASSERT_EQ(after.size(), before.size());
  for (std::size_t i = 0; i < 7; ++i) { EXPECT_EQ(after[i], before[i]) << i; }
  EXPECT_TRUE(has(after[8],
                  "train/loss\x82\x01\x04"
                  "30.0"));
}

TEST(WandbFolder, WhereTheEarlierFileIsTornTheHistoryIsWrittenAgain) {
  WandbFolder::Options chosen = options("wandb_torn");
  { WandbFolder(chosen).write(1, {{"train/loss", 1}}); }
  const std::string path = run_file(chosen.folder), bytes = read_file(path);
  write_file(path, bytes.substr(0, 60));
  chosen.resumes = true;
  chosen.history = {{1, {{"train/loss", 1}}}};
  { WandbFolder log(chosen); }
  EXPECT_EQ(records(chosen.folder).size(), 6U);
}

TEST(WandbFolder, AnExceptionMarksTheRunAsFailed) {
  const WandbFolder::Options chosen = options("wandb_failed");
  try {
    const WandbFolder log(chosen);
    throw std::runtime_error("stop");
  } catch (const std::runtime_error&) {
    EXPECT_TRUE(has(records(chosen.folder).back(), std::string("\x92\x01\x04\x08\x01\x10", 6)));
  }
}

}  // namespace
}  // namespace una::report
