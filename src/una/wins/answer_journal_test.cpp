#include "una/wins/answer_journal.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una::wins {
namespace {

TEST(AnswerJournal, GoesOnBehindWhatWasWrittenWhole) {
  const std::string path = test_folder("answer_journal") + "/a.jsonl";
  {
    AnswerJournal journal(path, "model 1");
    journal.add(0, 0, "h0", {{"one", "two"}, 7});
  }
  write_file(path, read_file(path) + R"({"row":1,"sample":0,"hash":"h1","turns":["th)");
  AnswerJournal again(path, "model 1");
  ASSERT_NE(again.find(0, 0, "h0"), nullptr);
  EXPECT_EQ(again.find(0, 0, "h0")->turns, (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(again.find(1, 0, "h1"), nullptr) << "a torn line is an answer to do";
  again.add(1, 0, "h1", {{"three"}, 1});
  EXPECT_EQ(AnswerJournal(path, "model 1").find(1, 0, "h1")->turns[0], "three")
      << "nothing torn is left between";
}

TEST(AnswerJournal, AnswersOfSomethingElseAreRefused) {
  const std::string path = test_folder("answer_journal_other") + "/a.jsonl";
  AnswerJournal(path, "model 1").add(0, 0, "h0", {{"one"}, 1});
  EXPECT_THROW(AnswerJournal(path, "model 2"), InputError);
  EXPECT_THROW(AnswerJournal(path, "model 1").find(0, 0, "another question"), InputError);
}

}  // namespace
}  // namespace una::wins
