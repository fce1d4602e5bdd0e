#include "una/rows/files/mixture.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "una/base/format.h"
#include "una/rows/files/row_feed.h"
#include "una/rows/files/sources.h"
#include "una/rows/rows_testing.h"

namespace una::rows {
namespace {

using Counts = std::vector<std::int64_t>;

TEST(Mixture, CountsFollowTheWeightsAndNoRowStandsTwice) {
  EXPECT_EQ(mixture_counts({700, 5000}, {0.7, 0.3}, 0), Counts({700, 300}));
  EXPECT_EQ(mixture_counts({700, 5000}, {7, 3}, 0), Counts({700, 300}));
  EXPECT_EQ(mixture_counts({5000, 90}, {0.7, 0.3}, 0), Counts({210, 90}));
  EXPECT_EQ(mixture_counts({10, 10, 10}, {1, 1, 2}, 0), Counts({5, 5, 10}));
  EXPECT_EQ(mixture_counts({5000, 5000}, {0.7, 0.3}, 100), Counts({70, 30}));
  EXPECT_EQ(mixture_counts({10}, {0.2}, 0), Counts({10}));
}

// Two rows a prompt.
std::string rows(const std::string& name, int prompts) {
  std::string text;
  for (int i = 0; i < prompts; ++i) {
    const std::string start = R"({"prompt": ")" + name + std::to_string(i) + R"(", "response": )";
    text.append(start).append(R"("x", "score": 1})").append("\n");
    text.append(start).append(R"("y", "score": 0})").append("\n");
  }
  return text;
}

struct World {
  std::string folder;
  DataOptions options;
  explicit World(const std::string& name) : folder(test_folder(name)) {}

  std::string file(const std::string& name, int prompts) const {
    return write_rows(folder, name + ".jsonl", rows(name, prompts));
  }
  // The prompts of the rows that are read, in order.
  std::vector<std::string> read(std::vector<std::string> names) {
    options.dataset_name = std::move(names);
    std::vector<std::string> prompts;
    for (const ReadRow& row : read_files(options, report)) { prompts.push_back(prompt_of(row)); }
    return prompts;
  }
  ReadReport report;
};

std::int64_t count_of(const std::vector<std::string>& prompts, char first) {
  return std::count_if(prompts.begin(), prompts.end(),
                       [&](const std::string& prompt) { return prompt[0] == first; });
}

TEST(Mixture, RowsOfEachFileAreDrawnByWeightAndPromptsStayWhole) {
  World world("mixture_drawn");
  const std::string a = world.file("a", 30), b = world.file("b", 100);
  const std::vector<std::string> prompts = world.read({a + ":0.75", b + ":0.25"});
  EXPECT_EQ(count_of(prompts, 'a'), 60);
  EXPECT_EQ(count_of(prompts, 'b'), 20);
  const std::set<std::string> different(prompts.begin(), prompts.end());
  EXPECT_EQ(different.size(), 40U) << "both answers of a prompt, or none";
  EXPECT_TRUE(std::is_sorted(prompts.begin(), prompts.begin() + 60, [](const auto& x, const auto& y) {
    return x.size() < y.size();
  })) << "in the order of the file";
  ASSERT_EQ(world.report.mixture.size(), 2U);
  EXPECT_EQ(world.report.mixture[1].name, b);
  EXPECT_EQ(world.report.mixture[1].rows, 20);
  EXPECT_EQ(world.report.mixture[1].of, 200);
  EXPECT_TRUE(contains(world.report.text(10), "20    of the 200 rows of " + b + ", by weight 0.25"));
}

TEST(Mixture, TheDrawDependsOnTheSeedAndNotOnTheOrderOfTheFile) {
  World world("mixture_seed");
  const std::string a = world.file("a", 4), b = world.file("b", 200);
  std::vector<std::string> first = world.read({a + ":1", b + ":3"});
  EXPECT_EQ(world.read({a + ":1", b + ":3"}), first);
  world.options.mixture_seed = 7;
  EXPECT_NE(world.read({a + ":1", b + ":3"}), first);
  world.options.mixture_seed = 42;
  std::vector<std::string> lines = split(read_file(b), '\n');
  std::reverse(lines.begin(), lines.end());
  write_rows(world.folder, "b.jsonl", join(lines, "\n"));
  std::vector<std::string> turned = world.read({a + ":1", b + ":3"});
  std::sort(first.begin(), first.end());
  std::sort(turned.begin(), turned.end());
  EXPECT_EQ(turned, first);
}

TEST(Mixture, SlicesAreTakenOfEachFileAndMaxRowsBoundsTheSum) {
  World world("mixture_slices");
  const std::string a = world.file("a", 10), b = world.file("b", 10);
  world.options.dataset_train_split = "train[:50%]";
  const std::vector<std::string> left = world.read({a + ":1", b + ":1"});
  EXPECT_EQ(count_of(left, 'a'), 10);
  EXPECT_EQ(count_of(left, 'b'), 10);
  world.options.dataset_train_split = "train[50%:]";
  for (const std::string& prompt : world.read({a + ":1", b + ":1"})) {
    EXPECT_EQ(std::count(left.begin(), left.end(), prompt), 0) << prompt;
  }
  world.options.max_rows = 8;
  EXPECT_EQ(count_of(world.read({a + ":3", b + ":1"}), 'b'), 2);
}

TEST(Mixture, AFolderOrAPatternIsOneSource) {
  World world("mixture_pattern");
  world.file("a1", 5), world.file("a2", 5);
  const std::string b = world.file("b", 50);
  const std::vector<std::string> prompts = world.read({world.folder + "/a*.jsonl:2", b + ":1"});
  EXPECT_EQ(count_of(prompts, 'a'), 20);
  EXPECT_EQ(count_of(prompts, 'b'), 10);
}

TEST(Mixture, ANameThatExistsAsWrittenHasNoWeight) {
  World world("mixture_colon");
  const std::string odd = write_rows(world.folder, "a:0.5", rows("a", 2));
  EXPECT_EQ(world.read({odd}).size(), 4U);
  EXPECT_TRUE(world.report.mixture.empty());
  EXPECT_EQ(world.read({odd + ":1", world.file("b", 1) + ":1"}).size(), 4U);
}

TEST(Mixture, WrongWeightsAreRefusedByName) {
  World world("mixture_wrong");
  const std::string a = world.file("a", 2), b = world.file("b", 2);
  const auto error = [&](std::vector<std::string> names) {
    return input_error([&] { world.read(std::move(names)); });
  };
  EXPECT_TRUE(contains(error({a + ":0.5", b}), b + "\" has no weight, but another name has one"));
  for (const char* bad : {":0", ":-1", ":inf", ":nan"}) {
    EXPECT_TRUE(contains(error({a + bad, b + ":1"}), "must be a number above 0")) << bad;
  }
  EXPECT_TRUE(contains(error({a + ":half", b + ":1"}), "is not a number"));
  EXPECT_TRUE(contains(error({a + "x:1", b + ":1"}), "there is no file"));
  EXPECT_TRUE(contains(error({a + ":1000", b + ":1"}), "leaves none of the rows of " + b));
}

}  // namespace
}  // namespace una::rows
