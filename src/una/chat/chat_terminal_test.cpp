#include "una/chat/chat_terminal.h"

#include <sstream>

#include <gtest/gtest.h>

#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/testing.h"

namespace una::chat {
namespace {

TEST(ChatTerminal, LinesOfAVote) {
  const auto two = [](const char* line) { return read_vote_line(line, 2); };
  EXPECT_EQ(two("1").vote->answer, 0U);
  EXPECT_EQ(two("2++").vote->strength, 2);
  EXPECT_EQ(two(" 0 ").vote->kind, Vote::Kind::kTie);
  EXPECT_EQ(two("x # both are wrong").vote->kind, Vote::Kind::kBothBad);
  EXPECT_EQ(two("x # both are wrong").vote->note, "both are wrong");
  EXPECT_EQ(two("e2 A better one.").vote->edited, "A better one.");
  EXPECT_EQ(two("e2 A better one.").vote->answer, 1U);
  EXPECT_EQ(two("s").act, VoteLine::Act::kSkip);
  EXPECT_EQ(two("u").act, VoteLine::Act::kUndo);
  EXPECT_EQ(two("/undo").act, VoteLine::Act::kUndo);
  EXPECT_EQ(two("/quit").act, VoteLine::Act::kQuit);
  for (const char* wrong : {"", "3", "1++++", "1-", "12", "e text", "yes", "+"}) {
    EXPECT_EQ(two(wrong).act, VoteLine::Act::kUnknown) << wrong;
  }
  const auto one = [](const char* line) { return read_vote_line(line, 1); };
  EXPECT_TRUE(one("+").vote->up);
  EXPECT_FALSE(one("-").vote->up);
  EXPECT_EQ(one("10").vote->score, 10);
  EXPECT_EQ(one("e So.").vote->edited, "So.");
  for (const char* wrong : {"0", "11", "x", "e1 text", "7.5"}) {
    EXPECT_EQ(one(wrong).act, VoteLine::Act::kUnknown) << wrong;
  }
}

TEST(ChatTerminal, AConversationOfTwoModels) {
  const std::string path = test_folder("chat_terminal") + "/votes.jsonl";
  VoteFile votes(path);
  ChatDesk desk({.models = {{"base", "h0"}, {"mine", "h1"}}, .source = "me", .is_chat = true}, votes);
  std::istringstream in(
      "hello\nwhat?\n2+\nand then\n0\nmore\ns\nlast\n1\n/new\n/qiut\nagain\nx\n/undo\n /new\n/quit\nnever\n");
  std::string shown;
  std::vector<std::size_t> turns;
  ChatTerminal terminal({.desk = &desk,
                         .in = &in,
                         .show = [&](const std::string& text) { shown += text; },
                         .answer =
                             [&](std::size_t model, const std::vector<Message>& asked) {
                               turns.push_back(asked.size());
                               return std::optional(cat("answer ", model, " to ", asked.back().content));
                             },
                         .stopped = [] { return false; }});
  terminal.run();
  EXPECT_EQ(turns, (std::vector<std::size_t>{1, 1, 3, 3, 5, 5, 5, 5, 1, 1, 3, 3}))
      << "a skipped prompt leaves no turn, a slip is not a prompt, and /quit ends it where a vote is expected too";
  EXPECT_NE(shown.find("there is no /qiut"), std::string::npos);
  EXPECT_NE(shown.find("taken back"), std::string::npos);
  EXPECT_EQ(votes.votes(), 3U);
  const Json first = parse_json(split(read_file(path), '\n')[0], "row");
  EXPECT_NE(first["chosen"][0]["content"], first["rejected"][0]["content"]);
  EXPECT_EQ(first["margin"], 1);
  EXPECT_NE(shown.find("saved; 1 was "), std::string::npos);
  EXPECT_LT(shown.find("saved; 1 was "), shown.find("base")) << "names are told after the vote";
}

TEST(ChatTerminal, AnAnswerThatWasEndedIsNotVotedOnAndTheConversationGoesOn) {
  VoteFile votes(test_folder("chat_terminal_ended") + "/votes.jsonl");
  ChatDesk desk({.models = {{"base", "h0"}}, .source = "me", .is_chat = true}, votes);
  std::istringstream in("long\nshort\n+\n");
  bool stopped = false;
  std::vector<std::size_t> turns;
  const auto answer = [&](std::size_t, const std::vector<Message>& asked) -> std::optional<std::string> {
    turns.push_back(asked.size());
    if (asked.back().content == "long") { return std::nullopt; }
    return "yes";
  };
  ChatTerminal terminal({.desk = &desk,
                         .in = &in,
                         .show = [](const std::string&) {},
                         .answer = answer,
                         .stopped = [&] { return stopped; }});
  terminal.run();
  EXPECT_EQ(turns, (std::vector<std::size_t>{1, 1})) << "the question goes with its answer";
  EXPECT_EQ(votes.votes(), 1U);
  stopped = true;
  in = std::istringstream("long\nshort\n+\n");
  terminal.run();
  EXPECT_EQ(votes.votes(), 1U) << "a signal that ends the conversation";
}

}  // namespace
}  // namespace una::chat
