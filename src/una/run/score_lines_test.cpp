#include "una/run/score_lines.h"

#include <filesystem>
#include <stdexcept>

#include <gtest/gtest.h>

#include "una/base/files/files.h"
#include "una/base/testing.h"
#include "una/dist/thread_gang_testing.h"

namespace una::run {
namespace {

TEST(ScoreLines, RankZeroWritesWhatEveryRankComputes) {
  const std::string path = test_folder("score_lines") + "/scores.jsonl";
  dist::testing::ThreadGang gang(2);
  gang.run([&](dist::Gang& rank) {
    write_lines_of_all(path, rank, [&](const auto& write) {
      rank.barrier();  // both are at work
      write(Json{{"rank", rank.rank()}});
      write(Json{{"text", "a\nb"}});
    });
  });
  EXPECT_EQ(read_file(path), "{\"rank\":0}\n{\"text\":\"a\\nb\"}\n");
}

TEST(ScoreLines, AFileThatIsNotFinishedDoesNotAppear) {
  const std::string folder = test_folder("score_lines_torn"), path = folder + "/scores.jsonl";
  const dist::SoloGang alone;
  const auto torn = [&] {
    write_lines_of_all(path, alone, [](const auto& write) {
      write(Json{{"row", 1}});
      throw std::runtime_error("a row that cannot be scored");
    });
  };
  EXPECT_THROW(torn(), std::runtime_error);
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  write_file(path, "old\n");
  EXPECT_THROW(torn(), std::runtime_error);
  EXPECT_EQ(read_file(path), "old\n");
}

}  // namespace
}  // namespace una::run
