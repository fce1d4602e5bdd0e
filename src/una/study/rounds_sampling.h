#pragma once

#include <string>

#include "una/base/json.h"
#include "una/setup/reward_setup.h"
#include "una/setup/run_config.h"

namespace una::study {

// One round's answers of a policy: `num_generations` to each prompt of the data, into `path` as rows that una
// label reads. Answers that did not end are left out (as rows they would be taught an end that was not
// sampled) but counted. `start`: the model that KL is measured against. Returns answers, ended, mean_length,
// clipped_ratio and kl (mean log-ratio to `start` of all answers, in nats) and the prompts' hash; nothing at
// all when Ctrl-C came.
Json sample_round(const setup::RunConfig& config, const setup::ModelPlace& policy, const std::string& start,
                  std::int64_t round, const std::string& path);

// The mean label of a file of una label: scores in their unit, thumbs as 1 and 0. null: preferences only.
Json mean_label(const std::string& path);

// InputError when scores of the labelled rows are outside [0, 1] and the rows have no score_range: no method could be
// trained on them, and the range cannot be given once the labels are there.
void check_labels_have_a_scale(const std::string& path);

}  // namespace una::study
