#include "una/study/rounds.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::study {
namespace {

std::string refusal(const std::string& method, void (*change)(setup::RunConfig&, RoundsOptions&)) {
  setup::RunConfig config = setup::default_config(method);
  config.data.dataset_name = {"prompts.jsonl"};
  config.run.output_dir = "out";
  config.online.reward = {"json"};
  RoundsOptions options;
  change(config, options);
  try {
    run_rounds(config, options);
  } catch (const InputError& error) { return error.what(); }
  return "";
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(Rounds, WhatRoundsCannotDoIsRefused) {
  using Config = setup::RunConfig;
  EXPECT_TRUE(has(refusal("sft", [](Config&, RoundsOptions&) {}), "method"));
  EXPECT_TRUE(has(refusal("una", [](Config&, RoundsOptions& o) { o.rounds = 0; }), "rounds must be 1"));
  EXPECT_TRUE(has(refusal("una", [](Config&, RoundsOptions& o) { o.reference = "last"; }), "reference"));
  EXPECT_TRUE(has(refusal("una", [](Config& c, RoundsOptions&) { c.online.reward.clear(); }), "no reward"));
  EXPECT_TRUE(
      has(refusal("dpo", [](Config& c, RoundsOptions&) { c.online.num_generations = 1; }), "at least 2"));
  EXPECT_TRUE(has(refusal("una", [](Config& c, RoundsOptions&) { c.model.ref_model = "m"; }), "--reference"));
  EXPECT_TRUE(has(refusal("una", [](Config& c, RoundsOptions&) { c.online.min_p = 2; }), "min_p"));
}

TEST(Rounds, TheKeysOfSamplingAreKeysOfARun) {
  const std::vector<OptionHelp> known = describe_options(setup::RunConfig{});
  for (const std::string& key : sampling_keys()) {
    EXPECT_TRUE(std::any_of(known.begin(), known.end(), [&](const auto& option) {
      return option.name == key;
    })) << key;
  }
}

}  // namespace
}  // namespace una::study
