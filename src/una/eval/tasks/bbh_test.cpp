#include "una/eval/tasks/bbh.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una::eval {
namespace {

// The layout of boolean_expressions.yaml of the harness.
constexpr const char* kFrame =
    "dataset_name: boolean_expressions\n"
    "description: 'Evaluate the result.'\n"
    "doc_to_choice: [\"False\", \"True\"]\n"
    "fewshot_config:\n  sampler: first_n\n  samples:\n"
    "  - input: not True is\n    target: 'False'\n"
    "  - input: not False is\n    target: 'True'\n";

std::string folder_with(const std::string& name, const std::string& frame) {
  std::string folder = test_folder("bbh_" + name);
  write_file(folder + "/bbh_x.jsonl",
             "{\"input\": \"True and False is\", \"target\": \"False\"}\n"
             "{\"input\": \"True is\", \"target\": true}\n"
             "{\"input\": \"Maybe is\", \"target\": \"Maybe\"}\n");
  write_file(folder + "/bbh_x.yaml", frame);
  return folder;
}

std::string refusal(const std::string& folder) {
  try {
    load_bbh(TaskFiles(folder, 0));
  } catch (const InputError& error) { return error.what(); }
  return "";
}

TEST(Bbh, NothingStandsBetweenTheDescriptionAndTheFirstExample) {
  const Subtask subtask = load_bbh(TaskFiles(folder_with("layout", kFrame), 0)).at(0);
  EXPECT_EQ(subtask.name, "bbh_x");
  EXPECT_EQ(subtask.items.at(0).context,
            "Evaluate the result.Q: not True is\nA: False\n\nQ: not False is\nA: True\n\n"
            "Q: True and False is\nA:");
}

TEST(Bbh, TheRightChoiceIsTheOneThatReadsLikeTheTarget) {
  const Subtask subtask = load_bbh(TaskFiles(folder_with("gold", kFrame), 0)).at(0);
  EXPECT_EQ(subtask.chance, 0.5);
  ASSERT_EQ(subtask.items.size(), 3U);
  EXPECT_EQ(subtask.items[0].gold, 0);
  EXPECT_EQ(subtask.items[1].gold, 1) << "a truth value is Python's word for it";
  EXPECT_EQ(subtask.items[2].gold, -1) << "no model is right";
  EXPECT_EQ(subtask.items[2].number, 2);
}

TEST(Bbh, TheFramesMayLieInTheFolderOfTheHarness) {
  const std::string folder = folder_with("folder", kFrame);
  std::filesystem::create_directory(folder + "/bbh_mc");
  std::filesystem::rename(folder + "/bbh_x.yaml", folder + "/bbh_mc/x.yaml");
  EXPECT_EQ(load_bbh(TaskFiles(folder, 1)).at(0).items.size(), 1U);
}

TEST(Bbh, AFrameThatIsNoneOfTheHarnesssIsNamed) {
  EXPECT_NE(refusal(folder_with("one_choice", "doc_to_choice: [a]\nfewshot_config: {samples: []}\n"))
                .find("fewer than two choices"),
            std::string::npos);
  for (const char* frame :
       {"description: x\n", "doc_to_choice: [a, b]\nfewshot_config: {samples: [{input: 1}]}\n",
        "doc_to_choice: [a\n"}) {
    EXPECT_NE(refusal(folder_with("broken", frame)).find("bbh_x.yaml: this is not one of"), std::string::npos)
        << frame;
  }
}

}  // namespace
}  // namespace una::eval
