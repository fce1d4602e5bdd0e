#pragma once

#include <string>
#include <string_view>
#include <vector>

// Methods of Python's str on UTF-8, and its package langdetect, for scorers that must agree with Python.
namespace una::text::python {

std::string lower(std::string_view text);       // str.lower
std::string_view strip(std::string_view text);  // str.strip, a view into the text
std::string_view strip_right(std::string_view text);
bool is_upper(std::string_view text);                              // str.isupper
bool is_lower(std::string_view text);                              // str.islower
bool is_blank(std::string_view text);                              // not str.strip()
std::vector<std::string_view> split_words(std::string_view text);  // str.split()
std::size_t length(std::string_view text);                         // len: code points

// langdetect.detect with DetectorFactory.seed = 0: "en", "zh-cn", ...; "": it raises, because the text has no letters.
// Loads its profiles (some tens of megabytes) at the first call.
std::string language(std::string_view text);

}  // namespace una::text::python
