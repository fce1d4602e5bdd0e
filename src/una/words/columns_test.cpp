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
  for (const char* name : {"user_rating", "humanScore", "quality label", "data.rating", "RATING", "score"}) {
    EXPECT_TRUE(sounds_like_feedback(name)) << name;
  }
  for (const char* name : {"operating", "underscore", "rating_id", "id", "", "prompt"}) {
    EXPECT_FALSE(sounds_like_feedback(name)) << name;
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
