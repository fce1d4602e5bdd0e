#include "una/reward/judge_reply.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "una/base/ascii.h"
#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/net/http.h"
#include "una/openai/chat.h"

namespace una::reward {
namespace {

Mark problem(std::string words) { return {.value = std::nullopt, .problem = std::move(words)}; }

Mark score_mark(const std::string& word, const ScoreScale& scale) {
  char* end = nullptr;
  const double value = std::strtod(word.c_str(), &end);
  if (word.empty() || *end != '\0' || !std::isfinite(value)) {
    return problem(cat("'", word, "' is not a score"));
  }
  if (value < scale.lo || value > scale.hi) {
    return problem(cat("the score ", significant(value, 6), " is off the scale ", significant(scale.lo, 6),
                       "..", significant(scale.hi, 6)));
  }
  return {.value = value, .problem = ""};
}

Mark verdict_mark(const std::string& word, JudgeMode mode) {
  const std::string verdict = lower_ascii(word);
  const bool pairs = mode == JudgeMode::kPairs;
  if (verdict == (pairs ? "a" : "yes")) { return {.value = 1, .problem = ""}; }
  if (verdict == (pairs ? "b" : "no")) { return {.value = 0, .problem = ""}; }
  if (pairs && verdict == "tie") { return {.value = 0.5, .problem = ""}; }
  return problem(cat("'", word, "' is not a verdict (", pairs ? "A, B, tie" : "yes, no", ")"));
}

Mark mark_of(const std::string& word, const JudgeSettings& settings) {
  return settings.mode == JudgeMode::kScore ? score_mark(word, settings.scale)
                                            : verdict_mark(word, settings.mode);
}

Mark read_json_mark(const std::string& content, const JudgeSettings& settings) {
  std::string text(trim(content));
  if (starts_with(text, "```") && ends_with(text, "```") && text.size() > 6) {
    text = text.substr(3, text.size() - 6);
    if (starts_with(text, "json")) { text.erase(0, 4); }
  }
  const Json reply = Json::parse(text, nullptr, false);
  const char* key = settings.mode == JudgeMode::kScore ? "score" : "verdict";
  if (!reply.is_object() || !reply.contains(key)) {
    return problem(cat("the reply is not a JSON object with ", key));
  }
  const Json& value = reply[key];
  if (settings.mode == JudgeMode::kScore ? !value.is_number() : !value.is_string()) {
    return problem(cat("the reply's ", key, " has the wrong type"));
  }
  return mark_of(value.is_string() ? value.get<std::string>() : value.dump(), settings);
}

// The last line without the marks of bold text.
std::string last_line(const std::string& content) {
  const std::string text(trim(content));
  std::string line = text.substr(text.rfind('\n') + 1);  // npos + 1 is 0
  std::erase_if(line, [](char c) { return c == '*' || c == '`' || c == '\r'; });
  return std::string(trim(line));
}

}  // namespace

ChatReply read_chat_reply(const std::string& body) {
  openai::ReadChatReply read = openai::read_chat_reply(body);
  ChatReply out;
  out.tokens_in = read.reply.usage.prompt_tokens;
  out.tokens_out = read.reply.usage.completion_tokens;
  if (!read.problem.empty()) {
    out.problem = cat(read.problem, ": ", net::excerpt(body));
    return out;
  }
  openai::ChatChoice& first = read.reply.choices.front();
  out.content = std::move(first.message.content);
  out.good = first.finish_reason != "length";  // "Score: 1" may have been going to be "Score: 10"
  if (!out.good) { out.problem = "the reply was cut off at max_tokens"; }
  return out;
}

Mark read_mark(const std::string& content, const JudgeSettings& settings) {
  if (settings.options.answer_format == "json") { return read_json_mark(content, settings); }
  const std::string name = settings.mode == JudgeMode::kScore ? "Score:" : "Verdict:";
  const std::string line = last_line(content);
  if (!starts_with(lower_ascii(line), lower_ascii(name))) {
    return problem(cat("the last line is not '", name, " ...': ", net::excerpt(line)));
  }
  return mark_of(std::string(trim(line.substr(name.size()))), settings);
}

}  // namespace una::reward
