#include "una/reward/judge_options.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <tuple>
#include <utility>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/options.h"
#include "una/net/http.h"
#include "una/reward/judge_prompt.h"

namespace una::reward {
namespace {

constexpr const char* kDefaultKey = "OPENAI_API_KEY";

std::pair<double, double> two_numbers(const std::vector<std::string>& words, const std::string& what) {
  double values[2] = {0, 0};
  bool good = words.size() == 2;
  for (std::size_t i = 0; good && i < 2; ++i) {
    char* end = nullptr;
    values[i] = std::strtod(words[i].c_str(), &end);
    good = end != words[i].c_str() && *end == '\0' && std::isfinite(values[i]);
  }
  check_input(good, what, ": two numbers are needed, as in [1, 10]");
  return {values[0], values[1]};
}

JudgeMode parse_mode(const std::string& mode, const std::string& what) {
  if (mode == "score") { return JudgeMode::kScore; }
  if (mode == "thumbs") { return JudgeMode::kThumbs; }
  check_input(mode == "pairs", what, ": mode '", mode, "' is none of score, thumbs, pairs");
  return JudgeMode::kPairs;
}

void check_numbers(const JudgeOptions& o, const std::string& what) {
  check_input(o.concurrency >= 1 && o.concurrency <= 256, what, ": concurrency must be in 1..256");
  check_input(o.requests_per_minute >= 0, what, ": requests_per_minute must not be negative");
  check_input(o.max_retries >= 0 && o.parse_retries >= 0, what,
              ": max_retries and parse_retries must not be negative");
  check_input(o.timeout > 0, what, ": timeout must be above 0 seconds");
  check_input(!o.temperature || *o.temperature >= 0, what, ": temperature must not be negative");
  check_input(!o.max_tokens || *o.max_tokens >= 1, what, ": max_tokens must be 1 or more");
}

std::string template_of(const JudgeOptions& o, JudgeMode mode, const std::string& what,
                        const std::string& folder) {
  check_input(o.prompt_template.empty() || o.prompt_template_file.empty(), what,
              ": prompt_template and prompt_template_file exclude each other");
  if (o.prompt_template_file.empty()) {
    return o.prompt_template.empty() ? default_template(mode) : o.prompt_template;
  }
  const std::filesystem::path file(o.prompt_template_file);
  return read_file((file.is_absolute() ? file : std::filesystem::path(folder) / file).string());
}

void check_template(const std::string& text, JudgeMode mode, const std::string& what) {
  const auto need = [&](const char* place) {
    check_input(text.find(place) != std::string::npos, what, ": the prompt template has no ", place,
                "; the judge would not see the answer");
  };
  if (mode == JudgeMode::kPairs) {
    need("{answer_a}");
    need("{answer_b}");
  } else {
    need("{answer}");
  }
}

}  // namespace

JudgeSettings check_judge(const JudgeOptions& options, const std::string& what, const std::string& folder) {
  JudgeSettings settings;
  settings.options = options;
  net::check_url(options.base_url, cat(what, ": base_url"));
  check_input(!options.model.empty(), what, ": model is missing, the judge's name at ",
              net::shown_url(options.base_url));
  settings.mode = parse_mode(options.mode, what);
  check_input(options.answer_format == "line" || options.answer_format == "json", what, ": answer_format '",
              options.answer_format, "' is none of line, json");
  check_numbers(options, what);
  std::tie(settings.scale.lo, settings.scale.hi) = two_numbers(options.scale, cat(what, ": scale"));
  check_input(settings.scale.lo < settings.scale.hi, what, ": scale needs lo below hi");
  if (settings.mode != JudgeMode::kScore) { settings.scale = {}; }
  if (!options.price_per_million_tokens.empty()) {
    std::tie(settings.price_in, settings.price_out) =
        two_numbers(options.price_per_million_tokens, cat(what, ": price_per_million_tokens"));
    settings.has_price = true;
  }
  const std::string text = template_of(options, settings.mode, what, folder);
  check_template(text, settings.mode, what);
  settings.prompt_template = with_format(text, settings.mode, options.answer_format == "json");
  return settings;
}

JudgeSettings read_judge_file(const std::string& path) {
  check_input(!path.empty(), "reward judge: name the judge file after the colon, as in judge:judge.yaml");
  const Settings settings = read_yaml_settings(path);
  for (const char* word : {"api_key", "key", "token", "bearer"}) {
    check_input(!settings.has(word), path,
                ": a key does not belong into a file; put it into an environment "
                "variable and name that with api_key_env");
  }
  JudgeOptions options;
  check_known(settings, describe_options(options), {});
  read_options(settings, options);
  const std::string folder = std::filesystem::path(absolute_path(path)).parent_path().string();
  return check_judge(options, path, folder);
}

std::string judge_key(const JudgeOptions& options, const std::string& what) {
  return net::api_key({.variable = options.api_key_env,
                       .option = "api_key_env",
                       .is_default = options.api_key_env == kDefaultKey,
                       .url = options.base_url,
                       .what = what});
}

}  // namespace una::reward
