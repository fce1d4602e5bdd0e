#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "una/base/json.h"
#include "una/core/example.h"
#include "una/demo/noise.h"
#include "una/demo/task.h"

// The demo's data sets: an SFT corpus, and every kind of feedback on the same answers with the same noise.
namespace una::demo {

// One teacher's answer per prompt of the task (Unit::kSft, source "demo_sft"), of the qualities that its row gives.
std::vector<Example> sft_rows(const Task& task, const std::vector<std::string>& prompts, std::uint64_t seed);

// Prompts as rows without an answer (Unit::kPrompt), for sampling.
std::vector<Example> prompt_rows(const std::vector<std::string>& prompts, const std::string& source);

// gold + N(0, deviation^2), clamped to [0, 1] and rounded to 4 decimals (as in files).
constexpr double kNoiseDeviation = 0.15;
double noisy_score(double gold, double deviation, Rng& rng);

// The k answers sampled for one prompt, judged once: all feedback is derived from `noisy`.
struct JudgedPrompt {
  std::string prompt;
  std::vector<std::string> answers;
  std::vector<double> gold;   // exact
  std::vector<double> noisy;  // the scores in feedback files
  // The judge's slips: the pair, and the answers whose thumb says the opposite (empty: none).
  bool pair_flipped = false;
  std::vector<bool> thumb_flipped = {};
};

// All judged prompts of a demo.
struct Judged {
  std::vector<JudgedPrompt> prompts;
  std::int64_t left_out = 0;  // prompts that some kind of feedback cannot use
  double threshold = 0.5;  // thumbs: up when noisy > threshold, the median of all noisy scores or Noise::ups
};

// `answers[i]` are the k >= 2 samples for prompts[i]. A prompt with an empty answer, the same answer twice or
// all noisy scores equal (no pair) is left out for every kind of feedback, so that each kind has the same
// responses. Noise is keyed by (seed, prompt's index, answer's index).
Judged judge(const Task& task, const std::vector<std::string>& prompts,
             const std::vector<std::vector<std::string>>& answers, std::uint64_t seed,
             double deviation = kNoiseDeviation);
// The same answers under a judge who errs otherwise; a deviation alone draws the same numbers as above.
Judged judge(const Task& task, const std::vector<std::string>& prompts,
             const std::vector<std::vector<std::string>>& answers, std::uint64_t seed, const Noise& noise);

// Keeps the first `n` prompts, so that batches divide evenly, and sets the threshold to their median.
// InputError when there are fewer: more prompts must be sampled.
void keep_first(Judged& judged, std::int64_t n);

// Rows derived from the same noisy scores; sources "demo_pair", "demo_binary", "demo_score", "demo_group".
std::vector<Example> pair_rows(const Judged& judged);    // best against worst, margin = gap
std::vector<Example> binary_rows(const Judged& judged);  // a thumb for every answer
std::vector<Example> score_rows(const Judged& judged);   // a score for every answer
std::vector<Example> group_rows(const Judged& judged);   // all k scored answers in one row
// Prompt i contributes its pair, its thumbs or its scores by i modulo 3: as many responses as each kind
// alone. With two answers per prompt, 5 rows hold 6 responses.
std::vector<Example> mixed_rows(const Judged& judged);

std::int64_t count_responses(const std::vector<Example>& rows);

// The native row of docs: prompt with completion, chosen and rejected, or responses; label, score and
// score_range, margin, source. InternalError on chat rows.
Json row_json(const Example& row);
// One row per line, in the given order; invalid UTF-8 becomes U+FFFD. InputError when the file cannot be
// written.
void write_rows(const std::string& path, const std::vector<Example>& rows);

}  // namespace una::demo
