#include <algorithm>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"
#include "una/eval/tasks/task.h"

namespace una::eval {
namespace {

std::string sample() {
  const std::string folder = test_folder("tasks_sample");
  for (const Task& task : tasks()) { task.write_sample(folder); }
  return folder;
}

std::vector<Subtask> load(const std::string& name, std::int64_t limit = 0) {
  return find_task(name).load(TaskFiles(sample(), limit));
}

TEST(Registry, EveryTaskReadsItsOwnSample) {
  const std::string folder = sample();
  for (const Task& task : tasks()) {
    const std::vector<Subtask> subtasks = task.load(TaskFiles(folder, 2));
    for (const Subtask& subtask : subtasks) {
      EXPECT_EQ(subtask.items.size(), 2U) << subtask.name;
      for (const Item& item : subtask.items) {
        EXPECT_FALSE(item.context.empty());
        EXPECT_EQ(item.choices.empty(), !task.by_choice());
        EXPECT_TRUE(!task.by_choice() || item.gold >= 0) << item.where.text();
      }
    }
    const auto scorer = task.make_scorer != nullptr ? task.make_scorer(subtasks, {}) : nullptr;
    if (!scorer) { continue; }
    const std::vector<MetricPart> parts = scorer->score(subtasks[0].items[0], "An answer.");
    EXPECT_TRUE(std::any_of(parts.begin(), parts.end(),
                            [&](const auto& part) { return part.metric == task.metric; }));
  }
}

// The layouts of lm-evaluation-harness, to the character.
TEST(Registry, PromptsAreLaidOutAsInTheHarness) {
  EXPECT_EQ(
      load("bbh", 1)[0].items[0].context,
      "Name the shape whose colour differs from that of the two others."
      "Q: The circle is red, the square is blue, the star is red.\nOptions:\n(A) circle\n(B) square\n(C) star\nA: (B)\n\n"
      "Q: The circle is green, the square is grey, the star is grey.\nOptions:\n(A) circle\n(B) square\n(C) star\nA: (A)\n\n"
      "Q: The circle is pink, the square is pink, the star is black.\nOptions:\n(A) circle\n(B) square\n(C) star\nA: (C)\n\n"
      "Q: The circle is blue, the square is red, the star is red.\nOptions:\n(A) circle\n(B) square\n(C) star\nA:");
  EXPECT_EQ(
      load("gpqa", 1)[0].items[0].context,
      "What is the correct answer to this question:A cart of 3 kg moves at 2 m/s. What is its momentum in kg m/s?\n"
      "Choices:\n(A) 6\n(B) 9\n(C) 12\n(D) 15\nAnswer: ");
  const Item musr = load("musr", 1)[0].items[0];
  EXPECT_TRUE(
      musr.context.ends_with("\n\nWhere does Ana look for the key first?\n\n"
                             "1 - the shed\n2 - the blue drawer\n3 - her bag\n\nAnswer:"));
  EXPECT_EQ(musr.choices, (std::vector<std::string>{"the shed", "the blue drawer", "her bag"}));
  const std::string mmlu = load("mmlu_pro", 1)[0].items[0].context;
  EXPECT_TRUE(mmlu.starts_with(
      "A shelf holds 4 books and 0 boxes of 7 books. How many books are there?\nA. 4\nB. 5\n"));
  EXPECT_NE(mmlu.find("\nJ. 13\nAnswer: A\n\nA shelf holds 4 books and 1 boxes"), std::string::npos);
  const std::string math = load("math_hard", 1)[0].items[0].context;
  EXPECT_TRUE(math.starts_with("Problem:\nWhat is $3 \\cdot 7 + 3$?\n\nSolution: The product"));
  EXPECT_TRUE(math.ends_with("I hope it is correct.\n\nProblem:\nWhat is $5 \\cdot 10 + 5$?\n\nSolution:"));
}

TEST(Registry, TheFirstOfEqualChoicesCountsAndLengthsAreCharacters) {
  Item item;
  item.choices = {"né", "long one", "x"};
  item.gold = 0;
  const auto values = [&](const std::vector<double>& logps) {
    std::vector<double> out;
    for (const MetricPart& part : score_choices(item, logps)) { out.push_back(part.sum); }
    return out;  // acc, acc_norm
  };
  EXPECT_EQ(values({-4, -4, -9}), (std::vector<double>{1, 0}));  // by character: -2, -0.5, -9
  item.gold = 1;
  EXPECT_EQ(values({-4, -4, -9}), (std::vector<double>{0, 1}));
  item.gold = 0;
  EXPECT_EQ(values({-3, -12, -1.5}), (std::vector<double>{0, 1}));  // -1.5 each: the first of equals
  item.gold = -1;
  EXPECT_EQ(values({-1, -2, -3}), (std::vector<double>{0, 0}));
}

TEST(Registry, WhatIsMissingIsNamed) {
  const auto message = [](const std::string& task, const std::string& folder) {
    try {
      find_task(task).load(TaskFiles(folder, 0));
    } catch (const InputError& error) { return std::string(error.what()); }
    return std::string();
  };
  const std::string folder = test_folder("tasks_missing");
  EXPECT_NE(message("mmlu_pro", folder).find("has no file mmlu_pro_test.jsonl"), std::string::npos);
  EXPECT_NE(message("bbh", folder).find("has no rows for bbh"), std::string::npos);
  write_file(folder + "/bbh_snarks.jsonl", "{\"input\": \"a\", \"target\": \"(A)\"}\n");
  EXPECT_NE(message("bbh", folder).find("copy lm_eval/tasks/leaderboard/bbh_mc/snarks.yaml"),
            std::string::npos);
  write_file(folder + "/ifeval.jsonl",
             "{\"prompt\": \"a\", \"instruction_id_list\": [\"x\"], \"kwargs\": []}\n");
  EXPECT_NE(message("ifeval", folder).find("ifeval.jsonl:1: field \"kwargs\" is not a list"),
            std::string::npos);
  EXPECT_THROW(find_task("bhb"), InputError);
}

}  // namespace
}  // namespace una::eval
