#include "una/reward/judge_reply.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/net/http.h"

namespace una::reward {
namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::int64_t count_of(const Json& reply, const char* key) {
  if (!reply.contains("usage") || !reply["usage"].is_object() || !reply["usage"].contains(key)) { return 0; }
  const Json& value = reply["usage"][key];
  return value.is_number_integer() ? std::max<std::int64_t>(0, value.get<std::int64_t>()) : 0;
}

Mark problem(std::string words) { return {.value = std::nullopt, .problem = std::move(words)}; }

Mark score_mark(const std::string& word, const ScoreScale& scale) {
  char* end = nullptr;
  const double value = std::strtod(word.c_str(), &end);
  if (word.empty() || *end != '\0' || !std::isfinite(value)) {
    return problem(cat("'", word, "' is no score"));
  }
  if (value < scale.lo || value > scale.hi) {
    return problem(cat("the score ", significant(value, 6), " is off the scale ", significant(scale.lo, 6),
                       "..", significant(scale.hi, 6)));
  }
  return {.value = value, .problem = ""};
}

Mark verdict_mark(const std::string& word, JudgeMode mode) {
  const std::string verdict = lower(word);
  const bool pairs = mode == JudgeMode::kPairs;
  if (verdict == (pairs ? "a" : "yes")) { return {.value = 1, .problem = ""}; }
  if (verdict == (pairs ? "b" : "no")) { return {.value = 0, .problem = ""}; }
  if (pairs && verdict == "tie") { return {.value = 0.5, .problem = ""}; }
  return problem(cat("'", word, "' is no verdict (", pairs ? "A, B, tie" : "yes, no", ")"));
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
    return problem(cat("the reply is no JSON object with ", key));
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
  ChatReply out;
  const Json reply = Json::parse(body, nullptr, false);
  if (!reply.is_object()) {
    out.problem = cat("the reply is no JSON object: ", net::excerpt(body));
    return out;
  }
  out.tokens_in = count_of(reply, "prompt_tokens");
  out.tokens_out = count_of(reply, "completion_tokens");
  const bool choice = reply.contains("choices") && reply["choices"].is_array() && !reply["choices"].empty() &&
                      reply["choices"][0].is_object();
  const Json first = choice ? reply["choices"][0] : Json::object();
  if (!first.contains("message") || !first["message"].is_object() || !first["message"].contains("content") ||
      !first["message"]["content"].is_string()) {
    out.problem = cat("the reply has no choices[0].message.content: ", net::excerpt(body));
    return out;
  }
  out.content = first["message"]["content"].get<std::string>();
  const bool cut = first.contains("finish_reason") && first["finish_reason"] == "length";
  out.good = !cut;  // "Score: 1" may have been going to be "Score: 10"
  if (cut) { out.problem = "the reply was cut off at max_tokens"; }
  return out;
}

Mark read_mark(const std::string& content, const JudgeSettings& settings) {
  if (settings.options.answer_format == "json") { return read_json_mark(content, settings); }
  const std::string name = settings.mode == JudgeMode::kScore ? "Score:" : "Verdict:";
  const std::string line = last_line(content);
  if (!starts_with(lower(line), lower(name))) {
    return problem(cat("the last line is no '", name, " ...': ", net::excerpt(line)));
  }
  return mark_of(std::string(trim(line.substr(name.size()))), settings);
}

}  // namespace una::reward
