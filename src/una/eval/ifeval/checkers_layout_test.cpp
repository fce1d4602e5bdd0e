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

const Json kNone = Json::object();

TEST(CheckersLayout, ABlankParagraphMayOnlyBeFirstOrLast) {
  const Json two{{"num_paragraphs", 2}};
  EXPECT_TRUE(follows(number_of_paragraphs, two, "a\n***\nb"));
  EXPECT_TRUE(follows(number_of_paragraphs, two, "***\na\n***\nb\n***"));
  EXPECT_FALSE(follows(number_of_paragraphs, two, "a\n***\n***\nb"));
  EXPECT_FALSE(follows(number_of_paragraphs, two, "a\n******\nb")) << "two dividers with nothing between";
  EXPECT_FALSE(follows(number_of_paragraphs, two, "a\n\nb"));
}

TEST(CheckersLayout, TheNthParagraphIsFoundAmongAllAndCountedAmongThoseWithText) {
  const Json second{{"num_paragraphs", 2}, {"nth_paragraph", 2}, {"first_word", "Hello"}};
  EXPECT_TRUE(follows(nth_paragraph_first_word, second, "one\n\nHELLO, you"));
  EXPECT_TRUE(follows(nth_paragraph_first_word, second, "one\n\n'\"hello.there"));
  EXPECT_FALSE(follows(nth_paragraph_first_word, second, "one\n\n\"'hello there"))
      << "' ends the word behind \"";
  EXPECT_FALSE(follows(nth_paragraph_first_word, second, "one\n\n \n\nhello")) << "the second one is blank";
  EXPECT_FALSE(follows(nth_paragraph_first_word, second, "one\n\nhello\n\nthree"));
  EXPECT_FALSE(follows(nth_paragraph_first_word, second, "hello"));
  const Json third{{"num_paragraphs", 2}, {"nth_paragraph", 3}, {"first_word", "a"}};
  EXPECT_THROW(follows(nth_paragraph_first_word, third, ""), InputError);
}

TEST(CheckersLayout, PlaceholdersStayOnOneLine) {
  EXPECT_TRUE(follows(number_of_placeholders, {{"num_placeholders", 2}}, "[a] [] [\n]"));
  EXPECT_FALSE(follows(number_of_placeholders, {{"num_placeholders", 3}}, "[a] [] [\n]"));
  EXPECT_FALSE(follows(number_of_placeholders, {{"num_placeholders", 2}}, "[[a]]"));
}

TEST(CheckersLayout, PostscriptsAllowOneSpaceBetweenTheirLetters) {
  EXPECT_TRUE(follows(postscript, {{"postscript_marker", "P.S."}}, "bye\nP. S. more"));
  EXPECT_FALSE(follows(postscript, {{"postscript_marker", "P.S."}}, "bye\nPS more"));
  EXPECT_FALSE(follows(postscript, {{"postscript_marker", "P.S."}}, "bye\nP.  S. more"));
  EXPECT_TRUE(follows(postscript, {{"postscript_marker", "P.P.S"}}, "bye\np.p. s more"));
  EXPECT_FALSE(follows(postscript, {{"postscript_marker", "P.P.S"}}, "bye\nP.S. more"));
  EXPECT_TRUE(follows(postscript, {{"postscript_marker", " Note: "}}, "bye NOTE: more"));
}

TEST(CheckersLayout, BulletsAreStarsAndDashesAtTheBeginningOfALine) {
  const std::string text = "* a\n  * b\n- c\n** d\ne * f - g";
  EXPECT_TRUE(follows(number_of_bullets, {{"num_bullets", 3}}, text));
  EXPECT_FALSE(follows(number_of_bullets, {{"num_bullets", 2}}, text)) << "exactly";
  EXPECT_TRUE(follows(number_of_bullets, {{"num_bullets", 1}}, "---")) << "a rule counts, as in the harness";
  EXPECT_TRUE(follows(number_of_bullets, {{"num_bullets", 1}}, "*\n*")) << "the first takes the second line";
}

TEST(CheckersLayout, AConstrainedResponseIsOneOfThreeSentences) {
  EXPECT_TRUE(follows(constrained_response, kNone, "Well. My answer is maybe. Or not."));
  EXPECT_FALSE(follows(constrained_response, kNone, "My answer is Maybe."));
  EXPECT_FALSE(follows(constrained_response, kNone, "My answer is yes"));
}

TEST(CheckersLayout, HighlightsHoldSomethingBetweenTheirStars) {
  EXPECT_TRUE(follows(number_of_highlights, {{"num_highlights", 2}}, "*a* and **b**"));
  EXPECT_FALSE(follows(number_of_highlights, {{"num_highlights", 3}}, "*a* and **b**"));
  EXPECT_FALSE(follows(number_of_highlights, {{"num_highlights", 1}}, "*  * **  ** *a\nb*"));
}

TEST(CheckersLayout, SectionsHaveANumber) {
  const Json two{{"section_spliter", " SECTION "}, {"num_sections", 2}};
  EXPECT_TRUE(follows(multiple_sections, two, "SECTION 1\na\nSECTION2 b"));
  EXPECT_FALSE(follows(multiple_sections, two, "SECTION 1\na\nSECTION two b"));
  EXPECT_FALSE(follows(multiple_sections, two, "Section 1\na\nSection 2 b"));
}

TEST(CheckersLayout, JsonMayStandInAFence) {
  EXPECT_TRUE(follows(json_format, kNone, "```json\n{\"a\": [1, NaN]}\n```")) << "Python reads NaN";
  EXPECT_TRUE(follows(json_format, kNone, " \"a\" "));
  EXPECT_FALSE(follows(json_format, kNone, "{'a': 1}"));
  EXPECT_FALSE(follows(json_format, kNone, "Here: {}"));
  EXPECT_FALSE(follows(json_format, kNone, "```python\n{}\n```"));
}

TEST(CheckersLayout, ATitleSaysSomethingOnOneLine) {
  EXPECT_TRUE(follows(has_title, kNone, "text\n<<a>> text"));
  EXPECT_FALSE(follows(has_title, kNone, "<< >>"));
  EXPECT_FALSE(follows(has_title, kNone, "<<<>>>"));
  EXPECT_FALSE(follows(has_title, kNone, "<<a\nb>>"));
}

TEST(CheckersLayout, TwoResponsesDiffer) {
  EXPECT_TRUE(follows(two_responses, kNone, "a******b"));
  EXPECT_TRUE(follows(two_responses, kNone, "******\na\n******\nb\n******"));
  EXPECT_FALSE(follows(two_responses, kNone, "a ******\na"));
  EXPECT_FALSE(follows(two_responses, kNone, "a************b"));
  EXPECT_FALSE(follows(two_responses, kNone, "a******b******c"));
}

TEST(CheckersLayout, BeginningsAndEndsAreComparedInAnyCase) {
  EXPECT_TRUE(follows(repeat_prompt, {{"prompt_to_repeat", " Tell me "}}, "\ntell ME more"));
  EXPECT_FALSE(follows(repeat_prompt, {{"prompt_to_repeat", "Tell me"}}, "I tell me"));
  EXPECT_TRUE(follows(end_phrase, {{"end_phrase", " The End. "}}, "\"It is the END.\"\n"));
  EXPECT_FALSE(follows(end_phrase, {{"end_phrase", "The End."}}, "the end. Yes."));
  EXPECT_FALSE(follows(end_phrase, {{"end_phrase", "The End."}}, "the end. \""))
      << "the space in front of \" stays";
}

TEST(CheckersLayout, QuotationMarksStandAtBothEnds) {
  EXPECT_TRUE(follows(in_quotation_marks, kNone, " \"a\"\n"));
  EXPECT_TRUE(follows(in_quotation_marks, kNone, "\"\""));
  EXPECT_FALSE(follows(in_quotation_marks, kNone, "\""));
  EXPECT_FALSE(follows(in_quotation_marks, kNone, "\"a"));
}

}  // namespace
}  // namespace una::eval::ifeval
