#include "una/eval/ifeval/word_tokens.h"

#include <gtest/gtest.h>

#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una::eval::ifeval {
namespace {

using Strings = std::vector<std::string>;

// Parameters that know one abbreviation, in NLTK's files.
Punkt small_punkt() {
  const std::string folder = test_folder("word_tokens");
  write_file(folder + "/abbrev_types.txt", "dr\n");
  for (const char* name : {"/sent_starters.txt", "/collocations.tab", "/ortho_context.tab"}) {
    write_file(folder + name, "");
  }
  return Punkt(folder);
}

Strings words(std::string_view text) {
  static const Punkt kPunkt = small_punkt();
  return word_tokens(kPunkt, text);
}

// The expected words are what NLTKWordTokenizer().tokenize of NLTK gives for the same sentence.
TEST(WordTokens, ContractionsAreCutBeforeTheirEnding) {
  EXPECT_EQ(words("They can't pay $5, (really)."),
            (Strings{"They", "ca", "n't", "pay", "$", "5", ",", "(", "really", ")", "."}));
  EXPECT_EQ(words("It's John's dog; we've 3,000 of 'em!"),
            (Strings{"It", "'s", "John", "'s", "dog", ";", "we", "'ve", "3,000", "of", "'", "em", "!"}));
  EXPECT_EQ(words("I'm gonna gimme wanna go"),
            (Strings{"I", "'m", "gon", "na", "gim", "me", "wan", "na", "go"}));
  EXPECT_EQ(words("We wannago lemme be"), (Strings{"We", "wannago", "lem", "me", "be"}));
}

TEST(WordTokens, QuotesBecomeThoseOfTheTreebank) {
  EXPECT_EQ(words("\"CANNOT\" 'tis A-B"), (Strings{"``", "CAN", "NOT", "''", "'", "tis", "A-B"}));
  EXPECT_EQ(words("He said, \"Don't go--I'll wait...\""),
            (Strings{"He", "said", ",", "``", "Do", "n't", "go", "--", "I", "'ll", "wait", "...", "''"}));
  EXPECT_EQ(words("ends with '' quotes'"), (Strings{"ends", "with", "``", "quotes", "'"}));
}

TEST(WordTokens, MarksInsideNumbersStayAndOthersStandAlone) {
  EXPECT_EQ(words("open 10:30 at 5%"), (Strings{"open", "10:30", "at", "5", "%"}));
  EXPECT_EQ(words("a* b @c #d &e"), (Strings{"a", "*", "b", "@", "c", "#", "d", "&", "e"}));
}

TEST(WordTokens, EverySentenceIsCutByItself) {
  EXPECT_EQ(words("Dr. No left. He is out."), (Strings{"Dr.", "No", "left", ".", "He", "is", "out", "."}))
      << "the full stop of a sentence is a word, that of an abbreviation is not";
  EXPECT_EQ(words(" \n"), Strings{});
}

}  // namespace
}  // namespace una::eval::ifeval
