#include "una/chat/vote_file.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una::chat {
namespace {

Json row(const std::string& vote, int number) { return {{"prompt", number}, {"meta", {{"vote", vote}}}}; }

TEST(VoteFile, AVoteIsWrittenOnceAlsoByALaterProcess) {
  const std::string path = test_folder("vote_file") + "/votes.jsonl";
  {
    VoteFile file(path);
    EXPECT_TRUE(file.add("a", {row("a", 1), row("a", 2)}));
    EXPECT_FALSE(file.add("a", {row("a", 1)}));
  }
  VoteFile again(path);
  EXPECT_EQ(again.votes(), 1U);
  EXPECT_FALSE(again.add("a", {row("a", 1)}));
  EXPECT_TRUE(again.add("b", {row("b", 3)}));
  EXPECT_EQ(read_file(path),
            row("a", 1).dump() + "\n" + row("a", 2).dump() + "\n" + row("b", 3).dump() + "\n");
}

TEST(VoteFile, UndoTakesTheRowsOfOneVoteOut) {
  const std::string path = test_folder("vote_file") + "/votes.jsonl";
  write_file(path, "{\"prompt\":\"of another origin\"}\n");
  VoteFile file(path);
  file.add("a", {row("a", 1), row("a", 2)});
  file.add("b", {row("b", 3)});
  EXPECT_TRUE(file.undo("a"));
  EXPECT_FALSE(file.undo("a"));
  EXPECT_TRUE(file.add("c", {row("c", 4)})) << "it goes on in the new file";
  EXPECT_EQ(read_file(path),
            "{\"prompt\":\"of another origin\"}\n" + row("b", 3).dump() + "\n" + row("c", 4).dump() + "\n");
}

TEST(VoteFile, ATornLastLineOfAKillIsRemoved) {
  const std::string path = test_folder("vote_file") + "/votes.jsonl";
  write_file(path, row("a", 1).dump() + "\n{\"prompt\": 5, \"me");
  VoteFile file(path);
  file.add("b", {row("b", 3)});
  EXPECT_EQ(read_file(path), row("a", 1).dump() + "\n" + row("b", 3).dump() + "\n");
  write_file(path, "not JSON\n");
  EXPECT_THROW(VoteFile{path}, InputError);
}

}  // namespace
}  // namespace una::chat
