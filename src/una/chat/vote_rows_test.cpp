#include "una/chat/vote_rows.h"

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::chat {
namespace {

Exchange exchange(bool is_chat, std::size_t answers = 2) {
  Exchange out{.id = "x", .sampling = {{"temperature", 1}}};
  out.prompt.is_chat = is_chat;
  out.prompt.plain = "Name a colour.";
  out.prompt.messages = {{"user", "Name a colour.", ""}};
  out.answers = {{"Blue.", "base", "h0"}, {"Seven.", "mine", "h1"}};
  out.answers.resize(answers);
  return out;
}

// The rows without what describes the vote.
std::string rows(const Exchange& shown, const Vote& vote) {
  std::string out;
  for (Json row : rows_of(shown, vote, "me")) {
    EXPECT_EQ(row["source"], "chat:me");
    EXPECT_EQ(row["meta"]["vote"], vote.id);
    row.erase("source");
    row.erase("meta");
    out += row.dump();
  }
  return out;
}

TEST(VoteRows, APreferenceIsAPair) {
  const Vote vote{.kind = Vote::Kind::kBetter, .id = "v", .answer = 1, .strength = 2};
  EXPECT_EQ(rows(exchange(false), vote),
            R"({"prompt":"Name a colour.","chosen":"Seven.","rejected":"Blue.","margin":2.0})");
  EXPECT_EQ(
      rows(exchange(true), {.kind = Vote::Kind::kBetter, .id = "v"}),
      R"({"prompt":[{"role":"user","content":"Name a colour."}],"chosen":[{"role":"assistant","content":"Blue."}],)"
      R"("rejected":[{"role":"assistant","content":"Seven."}]})");
}

TEST(VoteRows, TiesBothBadThumbsScoresAndEdits) {
  EXPECT_EQ(rows(exchange(false), {.kind = Vote::Kind::kTie, .id = "v"}),
            R"({"prompt":"Name a colour.","completion":"Blue.","score":0.5,"score_range":[0,1]})"
            R"({"prompt":"Name a colour.","completion":"Seven.","score":0.5,"score_range":[0,1]})");
  EXPECT_EQ(rows(exchange(false), {.kind = Vote::Kind::kBothBad, .id = "v"}),
            R"({"prompt":"Name a colour.","completion":"Blue.","label":false})"
            R"({"prompt":"Name a colour.","completion":"Seven.","label":false})");
  EXPECT_EQ(rows(exchange(false, 1), {.kind = Vote::Kind::kThumb, .id = "v", .up = true}),
            R"({"prompt":"Name a colour.","completion":"Blue.","label":true})");
  EXPECT_EQ(rows(exchange(false, 1), {.kind = Vote::Kind::kScore, .id = "v", .score = 7}),
            R"({"prompt":"Name a colour.","completion":"Blue.","score":7.0,"score_range":[1,10]})");
  EXPECT_EQ(rows(exchange(false), {.kind = Vote::Kind::kEdit, .id = "v", .answer = 1, .edited = "Green."}),
            R"({"prompt":"Name a colour.","chosen":"Green.","rejected":"Seven."})");
}

TEST(VoteRows, TheMetaTellsWhatWasShown) {
  const Json meta = rows_of(
      exchange(false), {.kind = Vote::Kind::kBetter, .id = "v", .note = "n", .seconds = 3}, "me")[0]["meta"];
  EXPECT_EQ(meta["answers"].dump(), R"([{"model":"base","weights":"h0"},{"model":"mine","weights":"h1"}])");
  EXPECT_EQ(meta["note"], "n");
  EXPECT_EQ(meta["seconds"], 3);
  EXPECT_EQ(meta["sampling"].dump(), R"({"temperature":1})");
}

TEST(VoteRows, WhatCannotBeIsRefused) {
  for (const Vote& vote : std::vector<Vote>{{.kind = Vote::Kind::kTie, .id = ""},
                                            {.kind = Vote::Kind::kBetter, .id = "v", .answer = 2},
                                            {.kind = Vote::Kind::kBetter, .id = "v", .strength = 0},
                                            {.kind = Vote::Kind::kScore, .id = "v", .score = 11},
                                            {.kind = Vote::Kind::kEdit, .id = "v", .edited = "  "},
                                            {.kind = Vote::Kind::kEdit, .id = "v", .edited = "Blue."}}) {
    EXPECT_THROW(rows_of(exchange(false), vote, "me"), InputError);
  }
  EXPECT_THROW(rows_of(exchange(false, 1), {.kind = Vote::Kind::kBetter, .id = "v"}, "me"), InputError);
}

}  // namespace
}  // namespace una::chat
