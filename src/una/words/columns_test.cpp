#include "una/words/columns.h"

#include <gtest/gtest.h>

namespace una::words {
namespace {

TEST(Columns, NamesAreReadWithoutRegardToCaseAndSeparators) {
  for (const char* name : {"thumbs_up", "Thumbs Up", " THUMBS-UP ", "thumbsUp", "ThumbsUp"}) {
    const Column* column = find_column(name);
    ASSERT_NE(column, nullptr) << name;
    EXPECT_EQ(column->name, "thumbs_up");
    EXPECT_TRUE(column->is_feedback());
  }
  EXPECT_EQ(find_column("thumbs_upp"), nullptr);
  EXPECT_EQ(find_column(""), nullptr);
  EXPECT_FALSE(find_column("margin")->is_feedback());
  EXPECT_TRUE(find_column("margin")->is_value());
}

TEST(Columns, TheLastWordTellsFeedback) {
  for (const char* name : {"user_rating", "humanScore", "quality label", "data.rating", "RATING", "score",
                           "rating_value", "feedback.type", "rating (1-5)", "rating/5", "score_1",
                           "helpfulness", "answer accuracy", "用户评分"}) {
    EXPECT_TRUE(sounds_like_feedback(name)) << name;
  }
  for (const char* name : {"operating", "underscore", "rating_id", "id", "", "prompt", "value", "(1)",
                           "margin", "label_confidence"}) {
    EXPECT_FALSE(sounds_like_feedback(name)) << name;
  }
}

TEST(Columns, TheFirstWordTellsWhereTheValueIsAMark) {
  for (const char* name : {"score_gpt4", "rating_by_user", "reward_v2", "thumbsByUser"}) {
    EXPECT_TRUE(is_opinion(name, Json(3), "")) << name;
    EXPECT_FALSE(is_opinion(name, Json("text"), "")) << name;
  }
  for (const char* name : {"rating_id", "score_time", "scoreboard", "reward_count", "rating_confidence"}) {
    EXPECT_FALSE(is_opinion(name, Json(3), "")) << name;
  }
}

TEST(Columns, APropertyIsFeedbackWhereItIsTrueOrFalse) {
  for (const char* name :
       {"was_helpful", "is_bad", "flagged", "isPreferred", "chosen", "Rejected", "is safe"}) {
    EXPECT_FALSE(sounds_like_feedback(name)) << name;
    EXPECT_TRUE(sounds_like_feedback(name, /*is_flag=*/true)) << name;
  }
  for (const char* name : {"likes", "user_dislikes", "csat", "sentiment"}) {
    EXPECT_TRUE(sounds_like_feedback(name)) << name;
  }
  for (const char* name : {"is_long", "streamed", "goodness", "breakdown", "safety_id"}) {
    EXPECT_FALSE(sounds_like_feedback(name, /*is_flag=*/true)) << name;
  }
}

TEST(Columns, TheNameTellsThatTrueIsBad) {
  for (const char* name : {"thumbs_down", "ThumbsDown", "is_bad", "data.flagged", "downvoted", "dislikes"}) {
    EXPECT_TRUE(means_bad(name)) << name;
  }
  for (const char* name : {"thumbs_up", "label", "rating", "badge", "breakdown"}) {
    EXPECT_FALSE(means_bad(name)) << name;
  }
}

TEST(Columns, VerdictsAreKnownUnderAnyName) {
  for (const char* text : {"bad", " Thumbs Down ", "thumbs_up", "REJECTED", "\U0001F44E", "not helpful"}) {
    EXPECT_TRUE(is_verdict(text)) << text;
  }
  for (const char* text : {"", " ", "badly", "train", "the answer is not good", "good bad"}) {
    EXPECT_FALSE(is_verdict(text)) << text;
  }
}

TEST(Columns, ACorrectionIsABetterAnswer) {
  for (const char* name : {"corrected_response", "editedOutput", "Improved answer"}) {
    EXPECT_TRUE(is_correction(name)) << name;
  }
  for (const char* name : {"correct_answer", "response", "corrected", "edited_by"}) {
    EXPECT_FALSE(is_correction(name)) << name;
  }
}

TEST(Columns, WordsThatMeanNothing) {
  for (const char* word : {"", " ", "N/A", "na", "-", "NULL", "None", "nan", "#N/A"}) {
    EXPECT_TRUE(is_missing_word(word)) << word;
  }
  for (const char* word : {"no", "0", "not applicable", "--"}) {
    EXPECT_FALSE(is_missing_word(word)) << word;
  }
}

}  // namespace
}  // namespace una::words
