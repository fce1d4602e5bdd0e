#pragma once

#include <string>
#include <vector>

namespace una::text {

// Chat templates that una brings along, for models whose folder has none: chatml, gemma, llama3 and qwen2.5, written as the
// families' own. They need a tokenizer that has their marks (<|im_start|>, ...) as tokens.
bool is_named_template(const std::string& name);
std::vector<std::string> marks_of_template(const std::string& name);  // those marks; none for another name

// The Jinja text of a --chat_template_path: of the file of that name where there is one, else of a template of the list
// above. InputError, with the list, when it is neither.
std::string given_template(const std::string& path_or_name);

}  // namespace una::text
