#pragma once

#include <string>
#include <vector>

#include "una/demo/feedback.h"
#include "una/setup/run_config.h"

namespace una::study {

// One loss on one kind of feedback. beta follows from the slope of what the loss asks for (docs/objectives.md, "What
// beta means"), so that all ask for about the KL of the identity link at 0.1 under an error of 0.15; the learning rates
// are those of docs/study.md.
struct StudyArm {
  std::string name, title, method,
      feedback;  // feedback: pair | binary | thumbs | score | group | mixed | better
  void (*keys)(setup::RunConfig&);
  double beta = 0.1, learning_rate = 1e-3;
  bool is_control = false;  // what bounds the others: gold scores, shuffled scores, no feedback
};

const std::vector<StudyArm>& study_arms();
const StudyArm& find_arm(const std::string& name);  // InputError names the nearest

// The rows that an arm learns from, all of the same judged answers. The arms `gold` and `shuffled` change the scores.
std::vector<Example> arm_rows(const StudyArm& arm, demo::Judged judged, std::uint64_t seed);

// Prompts among those rows that take part in a step: a batch holds so many of them that `steps` steps see each once.
std::int64_t arm_units(const StudyArm& arm, const std::vector<Example>& rows);

}  // namespace una::study
