#pragma once

#include "una/eval/ifeval/arguments.h"
#include "una/eval/ifeval/instructions.h"

// One maker per kind of instruction, under the harness's names of the arguments (tasks/ifeval/instructions.py). The table
// that maps ids to them is in instructions.cpp.
namespace una::eval::ifeval {

// Words and letters (checkers_words.cpp)
Checker keyword_existence(const Arguments& arguments);       // keywords
Checker keyword_frequency(const Arguments& arguments);       // keyword, frequency, relation
Checker forbidden_words(const Arguments& arguments);         // forbidden_words
Checker letter_frequency(const Arguments& arguments);        // letter, let_frequency, let_relation
Checker response_language(const Arguments& arguments);       // language
Checker number_of_words(const Arguments& arguments);         // num_words, relation
Checker number_of_sentences(const Arguments& arguments);     // num_sentences, relation
Checker capital_word_frequency(const Arguments& arguments);  // capital_frequency, capital_relation
Checker english_capital(const Arguments& arguments);
Checker english_lowercase(const Arguments& arguments);
Checker no_comma(const Arguments& arguments);

// Layout and content (checkers_layout.cpp)
Checker number_of_paragraphs(const Arguments& arguments);      // num_paragraphs
Checker nth_paragraph_first_word(const Arguments& arguments);  // num_paragraphs, nth_paragraph, first_word
Checker number_of_placeholders(const Arguments& arguments);    // num_placeholders
Checker postscript(const Arguments& arguments);                // postscript_marker
Checker number_of_bullets(const Arguments& arguments);         // num_bullets
Checker constrained_response(const Arguments& arguments);
Checker number_of_highlights(const Arguments& arguments);  // num_highlights
Checker multiple_sections(const Arguments& arguments);     // section_spliter, num_sections
Checker json_format(const Arguments& arguments);
Checker has_title(const Arguments& arguments);
Checker two_responses(const Arguments& arguments);
Checker repeat_prompt(const Arguments& arguments);  // prompt_to_repeat
Checker end_phrase(const Arguments& arguments);     // end_phrase
Checker in_quotation_marks(const Arguments& arguments);

}  // namespace una::eval::ifeval
