#include "una/wins/question_rows.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una::wins {
namespace {

TEST(QuestionRows, TheSampleIsReadInEveryLayout) {
  const std::string folder = test_folder("questions");
  write_question_sample(folder);
  const eval::TaskFiles files(folder, 0);
  EXPECT_EQ(read_questions("win_rate", files, false).size(), 6U);
  const std::vector<QuestionRow> alpaca = read_questions("alpaca_eval", files, true);
  EXPECT_EQ(alpaca[0].other_name, "a plain writer");
  EXPECT_TRUE(alpaca[0].prompt.prompt.is_chat);
  EXPECT_EQ(alpaca[1].category, "oasst");
  const std::vector<QuestionRow> bench = read_questions("mt_bench", files, false);
  ASSERT_EQ(bench.size(), 6U);
  EXPECT_EQ(bench[0].temperature, 0.7) << "writing";
  EXPECT_EQ(bench[3].temperature, 0) << "math";
  EXPECT_EQ(bench[4].temperature, 0.1) << "stem";
  EXPECT_EQ(bench[0].later_turns.size(), 1U);
  EXPECT_TRUE(bench[0].references.empty());
  EXPECT_EQ(bench[2].references.size(), 2U);
}

TEST(QuestionRows, AConversationThatEndsWithTheUserIsAskedAsAWhole) {
  const std::string folder = test_folder("questions_chat");
  write_file(folder + "/prompts.jsonl",
             R"({"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},)"
             R"({"role":"user","content":"c"}]})"
             "\n");
  const std::vector<QuestionRow> rows = read_questions("win_rate", eval::TaskFiles(folder, 0), false);
  ASSERT_EQ(rows.size(), 1U);
  ASSERT_EQ(rows[0].prompt.prompt.messages.size(), 3U);
  EXPECT_EQ(rows[0].prompt.prompt.messages[2].content, "c");
}

TEST(QuestionRows, ABadRowIsNamed) {
  const std::string folder = test_folder("questions_bad");
  write_file(folder + "/question.jsonl", "{\"question_id\":1,\"category\":\"math\",\"turns\":[]}\n");
  try {
    read_questions("mt_bench", eval::TaskFiles(folder, 0), false);
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("question.jsonl:1"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace una::wins
