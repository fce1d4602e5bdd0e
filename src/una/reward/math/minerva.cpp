#include "una/reward/math/minerva.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "una/base/format.h"
#include "una/reward/math/answer.h"
#include "una/text/python/regex.h"
#include "una/text/python/strings.h"

namespace una::reward::math {
namespace {

using text::python::Regex;

constexpr const char* kInvalid = "[invalidanswer]";

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  std::string out;
  std::size_t copied = 0;
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, copied)) {
    out.append(text, copied, at - copied).append(to);
    copied = at + from.size();
  }
  text = out.append(text, copied);
}

// The first brace that is balanced behind the last box; as the harness reads it, "\boxed 5" up to the next dollar.
std::string last_box(const std::string& text) {
  if (const std::size_t open = text.rfind("\\boxed "); open != std::string::npos) {
    const std::string rest = text.substr(open + 7);
    return rest.substr(0, rest.find('$'));
  }
  std::size_t begin = text.rfind("\\boxed"), size = 6;
  if (begin == std::string::npos) { begin = text.rfind("\\fbox"), size = 5; }
  if (begin == std::string::npos || size == 5) { return kInvalid; }  // its remove_boxed() knows no \fbox
  int depth = 0;
  for (std::size_t i = begin; i < text.size(); ++i) {
    depth += text[i] == '{' ? 1 : 0;
    if (text[i] != '}' || --depth != 0) { continue; }
    return text[begin + size] == '{' ? text.substr(begin + size + 1, i - begin - size - 1) : kInvalid;
  }
  return kInvalid;
}

std::string final_answer(const std::string& answer) {
  static const Regex kFinal(R"(Final Answer: The final answer is(.*?). I hope it is correct.)");
  const std::string text = answer + "I hope it is correct.";
  const auto found = kFinal.find_all(text);
  return found.empty() ? kInvalid : std::string(text::python::strip(found.front().groups[1].value_or("")));
}

constexpr std::array kReplaced = {std::pair{"an ", ""},          std::pair{"a ", ""},
                                  std::pair{".$", "$"},          std::pair{"\\$", ""},
                                  std::pair{"\\ ", ""},          std::pair{" ", ""},
                                  std::pair{"mbox", "text"},     std::pair{",\\text{and}", ","},
                                  std::pair{"\\text{and}", ","}, std::pair{"\\text{m}", "\\text{}"}};
constexpr std::array kRemoved = {"square",       "ways",
                                 "integers",     "dollars",
                                 "mph",          "inches",
                                 "ft",           "hours",
                                 "km",           "units",
                                 "\\ldots",      "sue",
                                 "points",       "feet",
                                 "minutes",      "digits",
                                 "cents",        "degrees",
                                 "cm",           "gm",
                                 "pounds",       "meters",
                                 "meals",        "edges",
                                 "students",     "childrentickets",
                                 "multiples",    "\\text{s}",
                                 "\\text{.}",    "\\text{\ns}",
                                 "\\text{}^2",   "\\text{}^3",
                                 "\\text{\n}",   "\\text{}",
                                 "\\mathrm{th}", "^\\circ",
                                 "^{\\circ}",    "\\;",
                                 ",\\!",         "{,}",
                                 "\"",           "\\dots"};

}  // namespace

std::string normalised_by_minerva(const std::string& final_answer) {
  static const Regex kDollars(R"((.*?)(\$)(.*?)(\$)(.*))"), kText(R"((\\text\{)(.*?)(\}))"),
      kBold(R"((\\textbf\{)(.*?)(\}))");
  static const Regex kOverline(R"((\\overline\{)(.*?)(\}))"), kBoxed(R"((\\boxed\{)(.*)(\}))");
  static const Regex kFraction(R"((frac)([^{])(.))"), kRoot(R"((sqrt)([^{]))");
  std::string text = final_answer.substr(final_answer.rfind('=') + 1);
  for (const auto& [from, to] : kReplaced) { replace_all(text, from, to); }
  for (const char* word : kRemoved) { replace_all(text, word, ""); }
  text = kDollars.replace(text, "$\\3$");
  for (const Regex* wrapper : {&kText, &kBold, &kOverline, &kBoxed}) { text = wrapper->replace(text, "\\2"); }
  text = kRoot.replace(kFraction.replace(text, "frac{\\2}{\\3}"), "sqrt{\\2}");
  replace_all(text, "$", "");
  std::string digits = text;
  replace_all(digits, ",", "");
  const bool number = !digits.empty() && std::all_of(digits.begin(), digits.end(),
                                                     [](unsigned char c) { return std::isdigit(c) != 0; });
  return number ? digits : text;
}

bool same_by_minerva(const std::string& solution, const std::string& answer) {
  const std::string given = normalised_by_minerva(final_answer(answer));
  if (given == kInvalid) { return false; }
  const std::string right = normalised_by_minerva(last_box(solution));
  return text::python::strip(given) == text::python::strip(right) || same_value(given, right);
}

}  // namespace una::reward::math
