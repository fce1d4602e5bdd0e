#include "una/study/grid/arms.h"

#include <algorithm>

#include "una/base/error.h"
#include "una/base/find_named.h"
#include "una/base/rng.h"

namespace una::study {
namespace {

using setup::RunConfig;

void point(RunConfig& config, const char* link, const char* loss, const char* f) {
  config.objective.una_link = link;
  config.objective.una_loss = loss;
  config.objective.una_f = f;
}

void nothing(RunConfig&) {}
void soft_pairs(RunConfig& c) {
  c.objective.una_pair = "soft";
  c.objective.rpo_eta = 8;
}
void sigmoid_mse(RunConfig& c) { point(c, "sigmoid", "mse", "zero"); }
void sigmoid_bce(RunConfig& c) { point(c, "sigmoid", "bce", "zero"); }
void fitted_bce(RunConfig& c) { point(c, "sigmoid", "bce", "auto"); }
void identity_running(RunConfig& c) {
  point(c, "identity", "mse", "running");
  c.objective.una_running = "match";
}
void group(RunConfig& c) { point(c, "identity", "mse", "group"); }
void shrunk(RunConfig& c) { point(c, "identity", "mse", "shrunk"); }
void thumbs(RunConfig& c, const char* how) {
  point(c, "sigmoid", "bce", "auto");
  c.data.feedback = "thumbs";
  c.objective.una_binary = how;
}
void conditional(RunConfig& c) { thumbs(c, "conditional"); }
void integrated(RunConfig& c) { thumbs(c, "integrated"); }
void likelihood(RunConfig& c) {
  point(c, "identity", "mse", "auto");
  c.objective.una_mix = "likelihood";
}

Example better_row(const Example& pair) {
  Example row = pair;
  row.unit = Unit::kSft;
  row.margin.reset();
  row.responses = {pair.responses[0]};
  return row;
}

// Every answer gets the score of another: nothing can be learnt of the task.
void shuffle_scores(demo::Judged& judged, std::uint64_t seed) {
  std::vector<double*> places;
  for (demo::JudgedPrompt& one : judged.prompts) {
    for (double& score : one.noisy) { places.push_back(&score); }
  }
  const Permutation order(places.size(), seed, 0);
  std::vector<double> scores;
  for (std::size_t i = 0; i < places.size(); ++i) { scores.push_back(*places[order(i)]); }
  for (std::size_t i = 0; i < places.size(); ++i) { *places[i] = scores[i]; }
}

}  // namespace

const std::vector<StudyArm>& study_arms() {
  static const std::vector<StudyArm> kArms = {
      {"dpo", "DPO", "dpo", "pair", nothing, 0.8},
      {"una_pair_soft", "UNA pairs, soft labels", "una", "pair", soft_pairs, 0.8},
      {"una_binary_mse", "UNA thumbs, MSE, f = 0", "una", "binary", sigmoid_mse, 1},
      {"una_binary_bce", "UNA thumbs, BCE, f = 0", "una", "binary", sigmoid_bce, 1},
      {"una_binary_fitted", "UNA thumbs, fitted threshold", "una", "binary", fitted_bce, 1},
      {"una_thumbs_conditional", "UNA thumbs, conditional", "una", "thumbs", conditional, 1},
      {"una_thumbs_integrated", "UNA thumbs, integrated", "una", "thumbs", integrated, 1},
      {"kto", "KTO", "kto", "binary", nothing, 1, 3e-4},
      {"una_score_mse", "UNA scores, MSE, f = 0", "una", "score", sigmoid_mse, 0.5},
      {"una_score_bce", "UNA scores, BCE, f = 0", "una", "score", sigmoid_bce, 0.5},
      {"una_score_running", "UNA scores, identity, constant f", "una", "score", identity_running},
      {"una_group", "UNA-C", "una", "group", group},
      {"una_shrunk", "UNA, shrunk f", "una", "group", shrunk},
      {"una_mixed", "UNA mixed, mean of losses", "una", "mixed", fitted_bce, 0.5},
      {"una_likelihood", "UNA mixed, one likelihood", "una", "mixed", likelihood},
      {"sft_better", "SFT on the better half", "sft", "better", nothing, 0.1, 1e-3, true},
      {"gold", "UNA-C on gold scores", "una", "group", group, 0.1, 1e-3, true},
      {"shuffled", "UNA-C on shuffled scores", "una", "group", group, 0.1, 1e-3, true}};
  return kArms;
}

const StudyArm& find_arm(const std::string& name) { return find_named(study_arms(), name, "arms"); }

std::vector<Example> arm_rows(const StudyArm& arm, demo::Judged judged, std::uint64_t seed) {
  if (arm.name == "shuffled") { shuffle_scores(judged, seed); }
  if (arm.name == "gold") {
    for (demo::JudgedPrompt& one : judged.prompts) { one.noisy = one.gold; }
  }
  if (arm.feedback == "pair") { return pair_rows(judged); }
  if (arm.feedback == "binary" || arm.feedback == "thumbs") { return binary_rows(judged); }
  if (arm.feedback == "score") { return score_rows(judged); }
  if (arm.feedback == "group") { return group_rows(judged); }
  if (arm.feedback == "mixed") { return mixed_rows(judged); }
  check(arm.feedback == "better", "arm_rows: an unknown kind of feedback");
  std::vector<Example> rows;
  for (const Example& pair : pair_rows(judged)) { rows.push_back(better_row(pair)); }
  return rows;
}

std::int64_t arm_units(const StudyArm& arm, const std::vector<Example>& rows) {
  if (arm.feedback != "thumbs") { return std::ssize(rows); }
  std::vector<std::string> prompts;
  for (const Example& row : rows) { prompts.push_back(row.prompt.plain); }
  std::sort(prompts.begin(), prompts.end());
  return std::unique(prompts.begin(), prompts.end()) - prompts.begin();
}

}  // namespace una::study
