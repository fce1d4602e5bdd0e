#pragma once

#include <memory>
#include <string>
#include <vector>

#include "una/data/dataset.h"
#include "una/eval/efficiency.h"
#include "una/setup/model_setup.h"
#include "una/setup/text_setup.h"

namespace una::run {

// `una score --gold`: a score that the policy was not trained on, for every answer, and how well the policy's implicit
// reward follows it. `gold` is a reward's name (setup/reward_setup.h) or else a field of the rows.
bool names_reward(const std::string& gold);

// The rows with gold as their score. A field replaces the rows' own scores; a reward judges every answer, and an
// answer that it cannot judge is an InputError.
std::unique_ptr<data::Dataset> gold_dataset(const std::string& gold, const setup::Compute& compute,
                                            rows::DataOptions options, const text::Encoder& encoder,
                                            const std::vector<Unit>& units);

// Adds the answers of a row that have a gold score, by their lines (eval/implicit_scores.h), and the score to each line.
void add_judged(const Row& row, Json& lines, std::vector<eval::JudgedAnswer>& judged);

// The lines for the log. InputError where no prompt has two answers with a gold score.
std::string gold_report(const std::vector<eval::JudgedAnswer>& judged);

}  // namespace una::run
