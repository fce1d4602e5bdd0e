#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "una/base/options.h"
#include "una/reward/reward.h"

namespace una::reward {

// The kind of mark that a judge gives.
enum class JudgeMode : std::uint8_t { kScore, kThumbs, kPairs };

// The keys of a judge file, which is flat YAML.
struct JudgeOptions {
  std::string base_url = "https://api.openai.com/v1", model, mode = "score";
  std::vector<std::string> scale = {"1", "10"};
  std::string prompt_template, prompt_template_file, system_prompt, answer_format = "line";
  std::optional<double> temperature = 0;
  std::optional<std::int64_t> max_tokens = 1024;
  std::int64_t requests_per_minute = 0, concurrency = 4, max_retries = 5, parse_retries = 2;
  double timeout = 120;
  std::string api_key_env = "OPENAI_API_KEY";
  std::vector<std::string> price_per_million_tokens;
  std::string cache_dir = "auto";
  template <class V>
  void fields(V&& v) {
    v("base_url", base_url, "of an OpenAI-compatible API; /chat/completions is added");
    v("model", model, "the judge's name there");
    v("mode", mode, "score | thumbs | pairs");
    v("scale", scale, "lo,hi of scores");
    v("prompt_template", prompt_template, "the question, with {prompt} {answer} {answer_a} {answer_b} ...");
    v("prompt_template_file", prompt_template_file, "the same in a file, relative to the judge file");
    v("system_prompt", system_prompt, "a system turn before it");
    v("answer_format", answer_format, "how the reply must end: line (Score: N) | json");
    v("temperature", temperature, "null: not sent");
    v("max_tokens", max_tokens, "of a reply; null: not sent");
    v("requests_per_minute", requests_per_minute, "0: no limit");
    v("concurrency", concurrency, "requests in flight");
    v("max_retries", max_retries, "further tries after 429, 5xx, time-outs and broken connections");
    v("parse_retries", parse_retries, "further tries after a reply that cannot be read");
    v("timeout", timeout, "seconds of one try");
    v("api_key_env", api_key_env, "the environment variable that holds the key; empty: no key");
    v("price_per_million_tokens", price_per_million_tokens, "in,out in dollars, for the cost in the log");
    v("cache_dir", cache_dir, "auto ($XDG_CACHE_HOME/una/judge) | none | a folder");
  }
};

// Checked and ready. The key is not part of it.
struct JudgeSettings {
  JudgeOptions options;
  JudgeMode mode = JudgeMode::kScore;
  ScoreScale scale;                    // kScore; the others have 0..1
  std::string prompt_template;         // with the stated final format in it
  double price_in = 0, price_out = 0;  // dollars a million tokens
  bool has_price = false;
};

// InputError, naming file and key, on unknown keys, values that make no sense, a template without its answer.
JudgeSettings read_judge_file(const std::string& path);
JudgeSettings check_judge(const JudgeOptions& options, const std::string& what, const std::string& folder);

// The key from the environment, "" where none is wanted: the variable is named, or the default one is set.
// InputError when it is needed (https, or a variable named in the file) and not there. Warns when a key would
// travel unencrypted.
std::string judge_key(const JudgeOptions& options, const std::string& what);

}  // namespace una::reward
