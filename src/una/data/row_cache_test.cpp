#include "una/data/row_cache.h"

#include <csignal>
#include <filesystem>

#include <gtest/gtest.h>

#include "una/base/files/cache_folder.h"
#include "una/base/os/interrupt.h"
#include "una/rows/rows_testing.h"

namespace una::data {
namespace {

using rows::contains;
using rows::input_error;
using rows::make_encoder;
using rows::write_rows;
namespace fs = std::filesystem;

struct World {
  std::string folder;
  rows::DataOptions options;
  std::string content_hash = "tokenizer 1";

  World(const std::string& name, const std::string& rows) : folder(test_folder(name)) {
    options.dataset_name = {write_rows(folder, "rows.jsonl", rows)};
    options.allow_dropped = 1;
  }
  std::unique_ptr<Dataset> load(const std::string& cache) {
    options.dataset_cache_dir = cache;
    return load_dataset(options, make_encoder(content_hash), {}, folder + "/dropped.jsonl");
  }
  std::unique_ptr<Dataset> cached() { return load(folder + "/cache"); }
  std::int64_t files() const {
    return fs::is_directory(folder + "/cache") ? std::distance(fs::directory_iterator(folder + "/cache"), {})
                                               : 0;
  }
};

// Scored answers, four a prompt, far from each other in the file; some rows degenerate; more than one chunk.
std::string scattered_rows(int prompts) {
  std::string text;
  for (int answer = 0; answer < 4; ++answer) {
    for (int i = 0; i < prompts; ++i) {
      const std::string prompt = R"({"prompt": "the cat )" + std::to_string(i);
      if (i % 50 == answer) { text += prompt + R"(", "chosen": " sat", "rejected": " mat"})" + "\n"; }
      text += prompt + R"(", "response": " )" +
              (i % 31 == 0 ? "" : "dog " + std::string(static_cast<std::size_t>(answer) + 1, 'x')) +
              R"(", "score": 0.)" + std::to_string((i + 3 * answer) % 7) + "}\n";
    }
  }
  return text;
}

void expect_same(const Dataset& a, const Dataset& b, const std::string& what) {
  EXPECT_EQ(a.content_hash(), b.content_hash()) << what;
  EXPECT_EQ(a.report().json().dump(), b.report().json().dump()) << what;
  ASSERT_EQ(a.size(), b.size()) << what;
  for (std::int64_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a.row(i).where.text(), b.row(i).where.text()) << what;
    EXPECT_EQ(a.row(i).index, b.row(i).index) << what;
  }
}

TEST(RowCache, EveryViewGivesTheRowsThatMemoryGivesAndAgainFromTheFile) {
  World world("cache_views", scattered_rows(700));
  for (const char* feedback : {"auto", "pairwise", "binary", "score", "group"}) {
    world.options.feedback = feedback;
    const auto memory = world.load("none");
    const std::string dropped = read_file(world.folder + "/dropped.jsonl");
    EXPECT_FALSE(dropped.empty());
    const auto made = world.cached();
    expect_same(*made, *memory, feedback);
    fs::remove(world.folder + "/dropped.jsonl");
    const auto opened = world.cached();
    expect_same(*opened, *memory, feedback);
    EXPECT_EQ(read_file(world.folder + "/dropped.jsonl"), dropped);
  }
  EXPECT_EQ(world.files(), 5);
}

TEST(RowCache, FittedScoresMixturesAndSlicesToo) {
  World world("cache_fits", scattered_rows(400));
  const std::string other = write_rows(world.folder, "other.jsonl", scattered_rows(300));
  for (const char* mapping : {"min_max", "quantile", "z_score"}) {
    world.options.score_mapping = mapping;
    expect_same(*world.cached(), *world.load("none"), mapping);
    expect_same(*world.cached(), *world.load("none"), mapping);
  }
  world.options.dataset_name = {world.options.dataset_name[0] + ":0.6", other + ":0.4"};
  world.options.dataset_train_split = "train[10%:90%]";
  expect_same(*world.cached(), *world.load("none"), "mixture");
}

TEST(RowCache, WhateverDecidesAboutTheRowsMakesAnotherFile) {
  World world("cache_key", scattered_rows(10));
  world.cached();
  EXPECT_EQ(world.files(), 1);
  world.options.allow_dropped = 0.9;  // decides nothing about the rows
  world.cached();
  EXPECT_EQ(world.files(), 1);
  world.options.max_length = 512;
  world.cached();
  EXPECT_EQ(world.files(), 2);
  world.content_hash = "tokenizer 2";
  world.cached();
  EXPECT_EQ(world.files(), 3);
  write_rows(world.folder, "rows.jsonl", scattered_rows(11));
  EXPECT_EQ(world.cached()->report().rows_read, world.load("none")->report().rows_read);
  EXPECT_EQ(world.files(), 4);
}

TEST(RowCache, TheFileIsReadAndNotTheRowsAgain) {
  World world("cache_hit", scattered_rows(10));
  world.cached();
  const std::string path = fs::directory_iterator(world.folder + "/cache")->path();
  write_file(path, read_file(path).replace(8, 4, "zzzz"));  // the first record's size
  const auto dataset = world.cached();
  EXPECT_THROW(for (std::int64_t i = 0; i < dataset->size(); ++i) dataset->row(i), InputError);
}

TEST(RowCache, AFileWithoutItsEndIsMadeAgain) {
  World world("cache_torn", scattered_rows(10));
  const std::string hash = world.cached()->content_hash();
  const std::string path = fs::directory_iterator(world.folder + "/cache")->path();
  write_file(path, read_file(path).substr(0, 100));
  EXPECT_EQ(world.cached()->content_hash(), hash);
}

// As another run does that shares the folder and has a smaller cap.
TEST(RowCache, AFileInUseIsNotTrimmedAndOneThatWasIsStillRead) {
  World world("cache_trimmed", scattered_rows(20));
  const auto memory = world.load("none");
  const auto trim = [&] { trim_cache_folder(world.folder + "/cache", "", 0); };
  {
    const auto made = world.cached();
    trim();
    EXPECT_EQ(world.files(), 1) << "held by the run that made it";
    const auto opened = world.cached();
    trim();
    EXPECT_EQ(world.files(), 1);
    fs::remove_all(world.folder + "/cache");
    expect_same(*made, *memory, "made");
    expect_same(*opened, *memory, "opened");
  }
  { const auto again = world.cached(); }
  trim();
  EXPECT_EQ(world.files(), 0) << "no run has it";
}

TEST(RowCache, ABadRowLeavesNoFileBehind) {
  World world("cache_bad", scattered_rows(500) + "{\"prompt\": 1}\n");
  EXPECT_TRUE(contains(input_error([&] { world.cached(); }), "rows.jsonl:2041"));
  EXPECT_EQ(world.files(), 0);
  fs::create_directories(world.folder + "/cache");
  write_rows(world.folder, "rows.jsonl", "{\"prompt\": \"the\", \"completion\": \"\"}\n");
  EXPECT_TRUE(contains(input_error([&] { world.cached(); }), "no row is left to use"));
}

TEST(RowCache, SmallFilesStayInMemoryAndAFolderThatCannotBeWrittenIsAnError) {
  World world("cache_auto", scattered_rows(10));
  const text::Encoder encoder = make_encoder("x");
  world.options.dataset_cache_dir = "auto";
  EXPECT_EQ(detail::row_cache_path(world.options, encoder, {}), "");
  world.options.dataset_cache_dir = world.folder + "/rows.jsonl/x";
  EXPECT_TRUE(
      contains(input_error([&] { detail::row_cache_path(world.options, encoder, {}); }), "rows.jsonl/x"));
}

TEST(RowCache, AnInterruptWhileRowsAreReadLeavesNothing) {
  World world("cache_interrupt", scattered_rows(600));
  install_interrupt_handler();
  world.options.progress = [](double) { std::raise(SIGTERM); };
  EXPECT_TRUE(contains(input_error([&] { world.cached(); }), "stopped while the rows were read"));
  clear_interrupt();
  EXPECT_EQ(world.files(), 0);
}

TEST(RowCache, ProgressEndsAtOne) {
  World world("cache_progress", scattered_rows(600));
  std::vector<double> told;
  world.options.progress = [&](double done) { told.push_back(done); };
  world.cached();
  ASSERT_GE(told.size(), 2U);
  EXPECT_LT(told.front(), 0.6);
  EXPECT_DOUBLE_EQ(told.back(), 1);
}

}  // namespace
}  // namespace una::data
