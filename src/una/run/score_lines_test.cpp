#include "una/run/score_lines.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/os/interrupt.h"
#include "una/base/testing.h"
#include "una/dist/thread_gang_testing.h"

namespace una::run {
namespace {

Json lines_of(std::size_t row, const Json& score) {
  Json line{{"row", row}, {"score", score}};
  if (score.is_null()) { line["error"] = "no reply"; }
  return Json::array({line});
}

TEST(ScoreLines, AFullDiskLosesNothingThatWasScored) {
  const std::string path = test_folder("score_lines") + "/out.jsonl";
  dist::SoloGang gang;
  {
    ScoreLines file(path, "id", 3, gang);
    EXPECT_THROW(file.finish_after([&] {
      file.add(1, lines_of(1, 0.5));
      throw InputError("no space left");
    }),
                 InputError);
  }
  EXPECT_FALSE(is_file(path));
  ScoreLines file(path, "id", 3, gang);
  EXPECT_EQ(file.to_do(), (std::vector<std::size_t>{0, 2}));
  std::vector<std::size_t> done;
  file.visit_done([&](std::size_t row, const Json& /*lines*/) { done.push_back(row); });
  EXPECT_EQ(done, std::vector<std::size_t>{1});
  file.finish_after([&] {
    file.add(2, lines_of(2, 0.25));
    file.add(0, lines_of(0, 1.5));
  });
  EXPECT_EQ(read_file(path),
            "{\"row\":0,\"score\":1.5}\n{\"row\":1,\"score\":0.5}\n{\"row\":2,\"score\":0.25}\n");
  EXPECT_FALSE(is_file(path + ".partial"));
}

TEST(ScoreLines, RankZeroWritesAndEveryRankDoesTheSameRows) {
  const std::string path = test_folder("score_lines_gang") + "/out.jsonl";
  {
    dist::SoloGang alone;
    ScoreLines(path, "id", 3, alone).add(1, lines_of(1, 0.5));
  }
  dist::testing::ThreadGang gang(2);
  gang.run([&](dist::Gang& rank) {
    ScoreLines file(path, "id", 3, rank);
    file.finish_after([&] {
      for (const std::size_t row : file.to_do()) {
        rank.barrier();  // a rank with other rows would wait here
        file.add(row, lines_of(row, rank.rank()));
      }
    });
  });
  EXPECT_EQ(read_file(path), "{\"row\":0,\"score\":0}\n{\"row\":1,\"score\":0.5}\n{\"row\":2,\"score\":0}\n");
}

TEST(ScoreLines, AnOldFileStaysUntilTheNewOneIsWhole) {
  const std::string path = test_folder("score_lines_old") + "/out.jsonl";
  dist::SoloGang gang;
  write_file(path, "old\n");
  ScoreLines file(path, "id", 1, gang);
  EXPECT_THROW(file.finish_after([] { throw InputError("a row that cannot be scored"); }), InputError);
  EXPECT_EQ(read_file(path), "old\n");
  EXPECT_FALSE(is_file(path + ".partial"));
}

TEST(ScoreLines, ARowWithAnAnswerWithoutScoreIsToDoAgain) {
  const std::string path = test_folder("score_lines_null") + "/out.jsonl";
  dist::SoloGang gang;
  {
    ScoreLines file(path, "id", 2, gang);
    file.add(0, lines_of(0, nullptr));
    file.add(1, lines_of(1, 1));
  }
  ScoreLines file(path, "id", 2, gang);
  EXPECT_EQ(file.to_do(), std::vector<std::size_t>{0});
  EXPECT_THROW(file.stop(), Interrupted);
  EXPECT_TRUE(is_file(path + ".partial"));
}

TEST(ScoreLines, StoppedBeforeTheFirstRowNothingIsLeft) {
  const std::string path = test_folder("score_lines_none") + "/out.jsonl";
  dist::SoloGang gang;
  ScoreLines file(path, "id", 1, gang);
  EXPECT_THROW(file.stop(), Interrupted);
  EXPECT_FALSE(is_file(path + ".partial"));
}

}  // namespace
}  // namespace una::run
