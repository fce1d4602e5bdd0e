#pragma once

#include <string>
#include <vector>

#include "una/eval/statistics.h"

// How well a reward tells the better answer from the other.
namespace una::eval {

// A scored pair.
struct ScoredPair {
  std::string subset;
  double chosen = 0, rejected = 0;                  // scores
  double chosen_length = 0, rejected_length = 0;    // characters
  bool right() const { return chosen > rejected; }  // strictly: equal scores are wrong, as in RewardBench
};

// The accuracy on one subset or section.
struct SubsetAccuracy {
  std::string name;
  Interval accuracy;
  std::int64_t pairs = 0;
};

// The pairs whose confidence is in [low, high): the sigmoid of the score difference, of its absolute value.
struct ReliabilityBin {
  double low = 0, high = 0, confidence = 0, accuracy = 0;  // means over the bin
  std::int64_t pairs = 0;
};

// The accuracy and calibration of one reward on pairs.
struct PairScore {
  Interval accuracy;                     // of all pairs
  std::vector<SubsetAccuracy> subsets;   // in the order of the rows; none where rows name no subset
  std::vector<SubsetAccuracy> sections;  // RewardBench's four, where rows are of its subsets
  double section_mean = 0;               // plain mean of the sections there are
  Interval shorter_is_better;            // accuracy on pairs whose better answer is the shorter one
  std::int64_t shorter_pairs = 0;
  double length_gap = 0;  // mean characters of chosen less rejected
  double brier = 0;       // mean squared error of sigmoid(chosen - rejected) against 1
  std::vector<ReliabilityBin> reliability;
};

// InternalError on no pairs.
PairScore score_pairs(const std::vector<ScoredPair>& pairs);

// The section of a RewardBench subset, or "".
std::string section_of(const std::string& subset);

}  // namespace una::eval
