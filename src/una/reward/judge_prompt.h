#pragma once

#include <map>
#include <string>

#include "una/core/example.h"
#include "una/reward/judge_options.h"

namespace una::reward {

// The question that is asked when the judge file brings none.
std::string default_template(JudgeMode mode);

// The template with the final format stated: instead of {format}, else at its end.
std::string with_format(const std::string& prompt_template, JudgeMode mode, bool json);

// Every {name} that `values` knows is replaced, in one pass: braces in the values (and all others) stay as
// they are.
std::string fill(const std::string& prompt_template, const std::map<std::string, std::string>& values);

// A prompt as the judge reads it: the text, one user turn's content, or the turns with their roles.
std::string conversation_text(const Text& text);

}  // namespace una::reward
