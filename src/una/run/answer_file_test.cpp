#include "una/run/answer_file.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una::run {
namespace {

Json row_of(std::int64_t prompt, std::int64_t sample, const std::string& text) {
  return {{"completion", text}, {"row", prompt}, {"sample", sample}};
}

TEST(AnswerFile, WritesByPromptAndSampleWhatFinishedInAnyOrder) {
  const std::string path = test_folder("answers") + "/out.jsonl";
  {
    AnswerFile file(path, "id");
    file.add(row_of(1, 0, "c"));
    file.add(row_of(0, 1, "b"));
  }  // a kill
  AnswerFile file(path, "id");
  EXPECT_TRUE(file.has(1, 0));
  EXPECT_FALSE(file.has(0, 0));
  EXPECT_EQ(file.size(), 2U);
  file.add(row_of(0, 0, "a"));
  file.write();
  file.remove_partial();
  EXPECT_EQ(read_file(path),
            "{\"completion\":\"a\",\"row\":0,\"sample\":0}\n{\"completion\":\"b\",\"row\":0,\"sample\":1}\n"
            "{\"completion\":\"c\",\"row\":1,\"sample\":0}\n");
  EXPECT_FALSE(is_file(path + ".partial"));
}

TEST(AnswerFile, KeepsWhatIsFinishedAndNothingElse) {
  const std::string path = test_folder("answers_kept") + "/out.jsonl";
  AnswerFile(path, "id").keep_partial();
  EXPECT_FALSE(is_file(path + ".partial"));
  AnswerFile file(path, "id");
  file.add(row_of(0, 0, "a"));
  file.keep_partial();
  EXPECT_TRUE(is_file(path + ".partial"));
  EXPECT_THROW(AnswerFile(path, "another model"), InputError);
}

}  // namespace
}  // namespace una::run
