#include "una/study/tune.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una::study {
namespace {

using Config = setup::RunConfig;

// A search that could begin, changed by a test; its output folder is left as it is.
std::string refusal(void (*change)(Config&, TuneOptions&)) {
  Config config = setup::default_config("dpo");
  config.data.dataset_name = {"rows.jsonl"};
  config.run.output_dir = test_folder("tune") + "/run";
  config.run.eval_fraction = 0.1;
  TuneOptions options;
  options.tune = {"beta=0.1,0.2"};
  change(config, options);
  const std::string folder = config.run.output_dir;
  try {
    run_tune(config, options);
  } catch (const InputError& error) { return is_folder(folder) ? "a folder was made" : error.what(); }
  return "";
}

bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

TEST(Tune, ASearchThatCannotCompareIsRefusedBeforeItsFolderIsMade) {
  using Options = TuneOptions;
  EXPECT_TRUE(has(refusal([](Config& c, Options&) { c.run.eval_fraction = 0; }), "held-out rows"));
  EXPECT_TRUE(has(refusal([](Config& c, Options&) { c.run.output_dir.clear(); }), "--out"));
  EXPECT_TRUE(has(refusal([](Config&, Options& o) { o.tune_seeds = 0; }), "tune_seeds"));
  EXPECT_TRUE(has(refusal([](Config&, Options& o) { o.tune_processes = 0; }), "tune_processes"));
  EXPECT_TRUE(has(refusal([](Config& c, Options&) { c.train.eval_strategy = "epoch"; }), "eval_strategy"));
  EXPECT_TRUE(
      has(refusal([](Config& c, Options&) { c.train.early_stopping_patience = 2; }), "which runs go on"));
  EXPECT_TRUE(has(refusal([](Config& c, Options&) { c.run.resume_from_checkpoint = "auto"; }), "without it"));
}

TEST(Tune, EveryCandidatesKeysAreReadBeforeTheFirstRun) {
  using Options = TuneOptions;
  EXPECT_TRUE(has(refusal([](Config&, Options& o) { o.tune = {"bta=0.1,0.2"}; }), "beta"));
  EXPECT_TRUE(has(refusal([](Config&, Options& o) { o.tune = {"beta=0.1,many"}; }), "tune: beta"));
}

}  // namespace
}  // namespace una::study
