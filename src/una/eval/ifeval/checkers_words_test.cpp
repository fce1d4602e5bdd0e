#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/eval/ifeval/checkers.h"

namespace una::eval::ifeval {
namespace {

using Maker = Checker (*)(const Arguments&);

// Expected verdicts follow from check_following of the harness's classes (tasks/ifeval/instructions.py).
bool follows(Maker make, const Json& kwargs, const std::string& text) {
  return make(Arguments{kwargs, nullptr, "here"})(text);
}

TEST(CheckersWords, KeywordsMatchInsideWordsAndInAnyCase) {
  const Json kwargs{{"keywords", {"art", "d.g"}}};
  EXPECT_TRUE(follows(keyword_existence, kwargs, "A PARTY for dogs"));
  EXPECT_FALSE(follows(keyword_existence, kwargs, "A party for cats")) << "all of them";
  EXPECT_THROW(follows(keyword_existence, Json{{"keywords", {"a", "("}}}, ""), InputError);
}

TEST(CheckersWords, OccurrencesOfAKeywordAreCounted) {
  const auto verdict = [](const char* relation, int frequency) {
    return follows(keyword_frequency,
                   Json{{"keyword", " sea "}, {"frequency", frequency}, {"relation", relation}},
                   "Sea, sea and seaside");
  };
  EXPECT_TRUE(verdict("at least", 3));
  EXPECT_FALSE(verdict("at least", 4));
  EXPECT_FALSE(verdict("less than", 3));
  EXPECT_TRUE(verdict("less than", 4));
}

TEST(CheckersWords, ForbiddenWordsAreWholeWords) {
  const Json kwargs{{"forbidden_words", {"dog", "cat"}}};
  EXPECT_TRUE(follows(forbidden_words, kwargs, "Concatenate the dogs"));
  EXPECT_FALSE(follows(forbidden_words, kwargs, "A Cat."));
  EXPECT_FALSE(follows(forbidden_words, kwargs, "hot-dog")) << "a hyphen is a boundary";
}

TEST(CheckersWords, LettersAreCountedInAnyCase) {
  const auto verdict = [](const char* letter, int frequency, const char* text) {
    return follows(letter_frequency,
                   Json{{"letter", letter}, {"let_frequency", frequency}, {"let_relation", "at least"}},
                   text);
  };
  EXPECT_TRUE(verdict("A", 4, "A Banana"));
  EXPECT_FALSE(verdict("a", 5, "A Banana"));
  EXPECT_TRUE(verdict("#", 2, "# a # b"));
  EXPECT_FALSE(verdict("#", 3, "# a # b"));
}

TEST(CheckersWords, ALanguageThatCannotBeToldCountsAsFollowed) {
  const std::string german = "Der Hafen ist heute sehr ruhig, und die Boote liegen alle am Kai.";
  EXPECT_TRUE(follows(response_language, Json{{"language", "de"}}, german));
  EXPECT_FALSE(follows(response_language, Json{{"language", "en"}}, german));
  EXPECT_TRUE(follows(response_language, Json{{"language", "en"}}, "1234 5678"));
}

TEST(CheckersWords, WordsAreRunsOfLettersDigitsAndUnderscores) {
  const auto at_least = [](int words, const char* text) {
    return follows(number_of_words, Json{{"num_words", words}, {"relation", "at least"}}, text);
  };
  EXPECT_TRUE(at_least(6, "It's a well-known caf\u00e9."));  // It s a well known café
  EXPECT_FALSE(at_least(7, "It's a well-known caf\u00e9."));
  EXPECT_FALSE(at_least(2, "snake_case"));
}

TEST(CheckersWords, WithoutPunktRunsOfMarksEndSentences) {
  const auto at_least = [](int sentences, const char* text) {
    return follows(number_of_sentences, Json{{"num_sentences", sentences}, {"relation", "at least"}}, text);
  };
  EXPECT_TRUE(at_least(3, "One. Two? Three"));
  EXPECT_FALSE(at_least(3, "Wait... what?! ..."));
  EXPECT_TRUE(at_least(2, "Wait... what?! ..."));
}

TEST(CheckersWords, CapitalWordsNeedALetterAndNoSmallOne) {
  const auto at_least = [](int words, const char* text) {
    return follows(capital_word_frequency,
                   Json{{"capital_frequency", words}, {"capital_relation", "at least"}}, text);
  };
  EXPECT_TRUE(at_least(4, "NASA saw A1 and the U.S. but I did not, 42 -"));  // NASA A1 U.S. I
  EXPECT_FALSE(at_least(5, "NASA saw A1 and the U.S. but I did not, 42 -"));
}

TEST(CheckersWords, TheCaseOfATextIsThatOfItsLetters) {
  const Json none = Json::object();
  EXPECT_TRUE(
      follows(english_lowercase, none, "the harbour is quiet and the 2 boats are all at the quay today."));
  EXPECT_FALSE(
      follows(english_lowercase, none, "The harbour is quiet and the 2 boats are all at the quay today."));
  EXPECT_FALSE(
      follows(english_lowercase, none, "der hafen ist heute sehr ruhig und die boote liegen alle am kai"));
  EXPECT_FALSE(follows(english_capital, none, "1234")) << "no letter";
  EXPECT_FALSE(follows(english_capital, none, "THE HARBOUR IS QUIET and THE BOATS ARE AT THE QUAY"));
}

TEST(CheckersWords, OneCommaIsTooMany) {
  EXPECT_TRUE(follows(no_comma, Json::object(), "a; b"));
  EXPECT_FALSE(follows(no_comma, Json::object(), "a, b"));
}

}  // namespace
}  // namespace una::eval::ifeval
