#include "una/demo/feedback.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json_line.h"

namespace una::demo {
namespace {

Text plain_text(std::string text) { return {.is_chat = false, .plain = std::move(text), .messages = {}}; }

Example start_row(Unit unit, const std::string& prompt, const std::string& source, std::size_t index) {
  Example row;
  row.where = {source, static_cast<std::int64_t>(index) + 1};
  row.unit = unit;
  row.prompt = plain_text(prompt);
  row.source = source;
  return row;
}

Response scored(const JudgedPrompt& judged, std::size_t answer) {
  Response response;
  response.text = plain_text(judged.answers[answer]);
  response.score = response.raw_score = judged.noisy[answer];
  return response;
}

bool all_different(const std::vector<std::string>& answers) {
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (trim(answers[i]).empty()) { return false; }
    if (std::find(answers.begin(), answers.begin() + static_cast<std::ptrdiff_t>(i), answers[i]) !=
        answers.begin() + static_cast<std::ptrdiff_t>(i)) {
      return false;
    }
  }
  return true;
}

// Half way between the two scores around the share `ups` of the highest: for one half the usual median. With one
// of the scores themselves every answer tied with it would be a thumb down.
double threshold_of(const std::vector<JudgedPrompt>& prompts, double ups) {
  std::vector<double> scores;
  for (const JudgedPrompt& one : prompts) { scores.insert(scores.end(), one.noisy.begin(), one.noisy.end()); }
  if (scores.empty()) { return 0.5; }
  std::sort(scores.begin(), scores.end());
  const double place = (1 - ups) * static_cast<double>(scores.size() - 1);
  return 0.5 * (scores[static_cast<std::size_t>(place)] + scores[static_cast<std::size_t>(std::ceil(place))]);
}

double words_of(const std::string& answer) {
  const std::vector<std::string> parts = split(answer, ' ');
  return static_cast<double>(
      std::count_if(parts.begin(), parts.end(), [](const auto& w) { return !w.empty(); }));
}

double mean_words(const std::vector<std::vector<std::string>>& answers) {
  double words = 0, count = 0;
  for (const std::vector<std::string>& own : answers) {
    for (const std::string& answer : own) {
      words += words_of(answer);
      count += 1;
    }
  }
  return count > 0 ? words / count : 0;
}

double rounded(double score) { return std::round(score * 1e4) / 1e4; }

// The judge's scores of one prompt's answers with their gold scores, and the slips. `index` is the prompt's; `mean` the answers' mean length.
void judge_answers(JudgedPrompt& judged, const Noise& noise, std::uint64_t seed, std::size_t index,
                   double mean) {
  Rng rng(seed, stream_id("demo/noise"), index), offsets(seed, stream_id("demo/severity"), index),
      slips(seed, stream_id("demo/slips"), index);
  const double offset = noise.severity > 0 ? noise.severity * offsets.normal() : 0;
  judged.pair_flipped = noise.flips > 0 && slips.uniform() < noise.flips;
  for (std::size_t i = 0; i < judged.answers.size(); ++i) {
    double expected = judged.gold[i] + offset;
    if (noise.per_word != 0) { expected += noise.per_word * (words_of(judged.answers[i]) - mean); }
    judged.noisy.push_back(rounded(std::pow(noisy_score(expected, noise.deviation, rng), noise.power)));
    if (noise.flips > 0) { judged.thumb_flipped.push_back(slips.uniform() < noise.flips); }
  }
}

void add_pair(std::vector<Example>& rows, const JudgedPrompt& judged, std::size_t index) {
  const auto [worst, best] = std::minmax_element(judged.noisy.begin(), judged.noisy.end());
  check(*best > *worst, "pair_rows: a prompt whose answers all score the same");
  Example row = start_row(Unit::kPair, judged.prompt, "demo_pair", index);
  row.responses = {scored(judged, static_cast<std::size_t>(best - judged.noisy.begin())),
                   scored(judged, static_cast<std::size_t>(worst - judged.noisy.begin()))};
  if (judged.pair_flipped) { std::swap(row.responses[0], row.responses[1]); }
  row.margin = *best - *worst;
  rows.push_back(std::move(row));
}

void add_thumbs(std::vector<Example>& rows, const JudgedPrompt& judged, double threshold, std::size_t index) {
  for (std::size_t i = 0; i < judged.answers.size(); ++i) {
    Example row = start_row(Unit::kBinary, judged.prompt, "demo_binary", index);
    Response response;
    response.text = plain_text(judged.answers[i]);
    const bool flipped = !judged.thumb_flipped.empty() && judged.thumb_flipped[i];
    response.label = (judged.noisy[i] > threshold) != flipped;
    row.responses.push_back(std::move(response));
    rows.push_back(std::move(row));
  }
}

void add_scores(std::vector<Example>& rows, const JudgedPrompt& judged, std::size_t index) {
  for (std::size_t i = 0; i < judged.answers.size(); ++i) {
    Example row = start_row(Unit::kScore, judged.prompt, "demo_score", index);
    row.responses.push_back(scored(judged, i));
    rows.push_back(std::move(row));
  }
}

void number_rows(std::vector<Example>& rows) {
  for (std::size_t i = 0; i < rows.size(); ++i) { rows[i].where.line = static_cast<std::int64_t>(i) + 1; }
}

const std::string& plain_of(const Text& text) {
  check(!text.is_chat, "demo rows hold plain text");
  return text.plain;
}

}  // namespace

std::vector<Example> sft_rows(const Task& task, const std::vector<std::string>& prompts, std::uint64_t seed) {
  std::vector<Example> rows;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    Rng rng(seed, stream_id("demo/teacher"), i);
    const double q = task.quality.lowest + (task.quality.highest - task.quality.lowest) * rng.uniform();
    Example row = start_row(Unit::kSft, prompts[i], "demo_sft", i);
    row.responses.push_back({.text = plain_text(task.make_answer(prompts[i], q, rng))});
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<Example> prompt_rows(const std::vector<std::string>& prompts, const std::string& source) {
  std::vector<Example> rows;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    rows.push_back(start_row(Unit::kPrompt, prompts[i], source, i));
  }
  return rows;
}

double noisy_score(double gold, double deviation, Rng& rng) {
  return rounded(std::clamp(gold + deviation * rng.normal(), 0.0, 1.0));
}

Judged judge(const Task& task, const std::vector<std::string>& prompts,
             const std::vector<std::vector<std::string>>& answers, std::uint64_t seed, double deviation) {
  Noise noise;
  noise.deviation = deviation;
  return judge(task, prompts, answers, seed, noise);
}

Judged judge(const Task& task, const std::vector<std::string>& prompts,
             const std::vector<std::vector<std::string>>& answers, std::uint64_t seed, const Noise& noise) {
  check(prompts.size() == answers.size(), "judge: one list of answers a prompt");
  Judged out;
  const double mean = noise.per_word != 0 ? mean_words(answers) : 0;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    check(answers[i].size() >= 2, "judge: two or more answers a prompt");
    if (!all_different(answers[i])) {
      ++out.left_out;
      continue;
    }
    JudgedPrompt judged{.prompt = prompts[i], .answers = answers[i], .gold = {}, .noisy = {}};
    for (const std::string& answer : answers[i]) { judged.gold.push_back(task.gold(prompts[i], answer)); }
    judge_answers(judged, noise, seed, i, mean);
    const auto [worst, best] = std::minmax_element(judged.noisy.begin(), judged.noisy.end());
    if (*worst == *best) {
      ++out.left_out;
    } else {
      out.prompts.push_back(std::move(judged));
    }
  }
  out.threshold = threshold_of(out.prompts, noise.ups);
  return out;
}

void keep_first(Judged& judged, std::int64_t n) {
  const auto there = static_cast<std::int64_t>(judged.prompts.size());
  check_input(n >= 0 && n <= there, "demo: feedback on ", n, " prompts is needed and ", there,
              " are of use (", judged.left_out,
              " had empty, equal or equally scored answers); sample more prompts");
  judged.prompts.resize(static_cast<std::size_t>(n));
  judged.threshold = threshold_of(judged.prompts, 0.5);
}

std::vector<Example> pair_rows(const Judged& judged) {
  std::vector<Example> rows;
  for (const JudgedPrompt& one : judged.prompts) { add_pair(rows, one, rows.size()); }
  return rows;
}

std::vector<Example> binary_rows(const Judged& judged) {
  std::vector<Example> rows;
  for (const JudgedPrompt& one : judged.prompts) { add_thumbs(rows, one, judged.threshold, 0); }
  number_rows(rows);
  return rows;
}

std::vector<Example> score_rows(const Judged& judged) {
  std::vector<Example> rows;
  for (const JudgedPrompt& one : judged.prompts) { add_scores(rows, one, 0); }
  number_rows(rows);
  return rows;
}

std::vector<Example> group_rows(const Judged& judged) {
  std::vector<Example> rows;
  for (const JudgedPrompt& one : judged.prompts) {
    Example row = start_row(Unit::kGroup, one.prompt, "demo_group", rows.size());
    for (std::size_t i = 0; i < one.answers.size(); ++i) { row.responses.push_back(scored(one, i)); }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<Example> mixed_rows(const Judged& judged) {
  std::vector<Example> rows;
  for (std::size_t i = 0; i < judged.prompts.size(); ++i) {
    const JudgedPrompt& one = judged.prompts[i];
    if (i % 3 == 0) { add_pair(rows, one, 0); }
    if (i % 3 == 1) { add_thumbs(rows, one, judged.threshold, 0); }
    if (i % 3 == 2) { add_scores(rows, one, 0); }
  }
  number_rows(rows);
  return rows;
}

std::int64_t count_responses(const std::vector<Example>& rows) {
  std::int64_t n = 0;
  for (const Example& row : rows) { n += static_cast<std::int64_t>(row.responses.size()); }
  return n;
}

Json row_json(const Example& row) {
  Json out;
  out["prompt"] = plain_of(row.prompt);
  if (row.unit == Unit::kPair) {
    check(row.responses.size() == 2, "a pair has two responses");
    out["chosen"] = plain_of(row.responses[0].text);
    out["rejected"] = plain_of(row.responses[1].text);
    if (row.margin) { out["margin"] = *row.margin; }
  } else if (row.unit == Unit::kGroup) {
    out["responses"] = Json::array();
    for (const Response& response : row.responses) {
      check(response.score.has_value(), "a group's responses have scores");
      out["responses"].push_back(Json{{"content", plain_of(response.text)}, {"score", *response.score}});
    }
    out["score_range"] = Json::array({0, 1});
  } else if (row.unit != Unit::kPrompt) {
    check(row.responses.size() == 1, "a row of this unit has one response");
    const Response& response = row.responses[0];
    out["completion"] = plain_of(response.text);
    if (row.unit == Unit::kBinary) { out["label"] = response.label.value(); }
    if (row.unit == Unit::kScore) {
      out["score"] = response.score.value();
      out["score_range"] = Json::array({0, 1});
    }
  }
  out["source"] = row.source;
  return out;
}

void write_rows(const std::string& path, const std::vector<Example>& rows) {
  std::string text;
  for (const Example& row : rows) { text += json_line(row_json(row)); }
  write_file(path, text);
}

}  // namespace una::demo
