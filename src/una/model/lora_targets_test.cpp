#include "una/model/lora_targets.h"

#include <utility>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/model/fixtures_testing.h"

namespace una::model {
namespace {

using Names = std::vector<std::string>;

const std::vector<LinearInfo> kLinears = {{"model.layers.0.self_attn.q_proj", 0, 4, 4},
                                          {"model.layers.0.mlp.up_proj", 0, 4, 8},
                                          {"model.layers.1.self_attn.q_proj", 1, 4, 4},
                                          {"model.layers.1.mlp.up_proj", 1, 4, 8},
                                          {"model.layers.10.mlp.up_proj", 10, 4, 8}};

Names targets_of(LoraSpec spec) {
  Names out;
  for (const LoraTarget& target : lora_targets(spec, kLinears, {"q_proj"})) {
    out.push_back(kLinears[target.linear].module.substr(13));
  }
  return out;
}

TEST(LoraTargets, MatchAsInPeft) {
  EXPECT_EQ(targets_of({}), (Names{"0.self_attn.q_proj", "1.self_attn.q_proj"})) << "the family's default";
  EXPECT_EQ(targets_of({.target_modules = {"all-linear"}}).size(), 5U);
  EXPECT_EQ(targets_of({.target_modules = {"1.mlp.up_proj"}}), (Names{"1.mlp.up_proj"}));
  EXPECT_EQ(targets_of({.target_modules = {"model.layers.0.mlp.up_proj"}}), (Names{"0.mlp.up_proj"}));
  EXPECT_EQ(
      targets_of({.target_modules = {".*\\.1\\.(self_attn|mlp)\\.\\w+_proj"}, .targets_are_regex = true}),
      (Names{"1.self_attn.q_proj", "1.mlp.up_proj"}));
  EXPECT_THROW(targets_of({.target_modules = {"layers.0"}, .targets_are_regex = true}), InputError)
      << "the whole name must match";
}

TEST(LoraTargets, LayersAreChosenByTheFirstNumberInTheName) {
  const auto layers = [](std::vector<std::int64_t> numbers, Names pattern, Names targets = {"up_proj"}) {
    return targets_of({.target_modules = std::move(targets),
                       .layers_to_transform = std::move(numbers),
                       .layers_pattern = std::move(pattern)});
  };
  EXPECT_EQ(layers({1}, {}), Names{"1.mlp.up_proj"});
  EXPECT_EQ(layers({10, 0}, {"layers"}), (Names{"0.mlp.up_proj", "10.mlp.up_proj"}));
  EXPECT_EQ(layers({1}, {"blocks", "layers"}), Names{"1.mlp.up_proj"});
  EXPECT_EQ(layers({1}, {"model.layers"}), Names{"1.mlp.up_proj"});
  EXPECT_EQ(layers({1}, {}, {"all-linear"}), (Names{"1.self_attn.q_proj", "1.mlp.up_proj"}));
  EXPECT_EQ(layers({1}, {}, {"up_proj", "model.layers.0.self_attn.q_proj"}),
            (Names{"0.self_attn.q_proj", "1.mlp.up_proj"}))
      << "full names do not obey";
  for (const Names& pattern : {Names{}, Names{"blocks"}}) {
    const std::string error = error_of([&] { layers({pattern.empty() ? 7 : 1}, pattern); });
    EXPECT_NE(error.find("layers_to_transform"), std::string::npos) << error;
  }
  EXPECT_THROW(layers({1}, {"(blocks"}), InputError);
}

// The number was read from the first group, which is the user's here: std::stoll("layers").
TEST(LoraTargets, ALayersPatternMayHaveGroupsOfItsOwn) {
  const auto layers = [](const char* pattern) {
    return targets_of(
        {.target_modules = {"up_proj"}, .layers_to_transform = {1}, .layers_pattern = {pattern}});
  };
  EXPECT_EQ(layers("(layers)"), Names{"1.mlp.up_proj"});
  EXPECT_EQ(layers("([a-z]+)+"), Names{"1.mlp.up_proj"});
}

// {module, rank, alpha} with r 8 and alpha 16 where no pattern matches.
void expect_target(const LoraSpec& patterns, std::size_t linear, std::int64_t rank, double alpha) {
  LoraSpec spec = patterns;
  spec.r = 8;
  spec.alpha = 16;
  spec.target_modules = {"all-linear"};
  const LoraTarget target = lora_targets(spec, kLinears, {})[linear];
  EXPECT_EQ(target.rank, rank) << kLinears[linear].module;
  EXPECT_EQ(target.scale, alpha / static_cast<double>(rank)) << kLinears[linear].module;
}

TEST(LoraTargets, PatternsThatBacktrackEndInTime) {
  LoraSpec spec{.target_modules = {"([a-z_.0-9]+)+X"}, .targets_are_regex = true};
  EXPECT_THROW(targets_of(spec), InputError);
  spec.target_modules = {"(.*)*q_proj"};
  EXPECT_EQ(targets_of(spec), (Names{"0.self_attn.q_proj", "1.self_attn.q_proj"}));
  spec.target_modules = {"^(?!.*mlp).*_proj"};  // look-around, as PEFT's users write it
  EXPECT_EQ(targets_of(spec), (Names{"0.self_attn.q_proj", "1.self_attn.q_proj"}));
  spec.target_modules = {std::string(20'000, '(') + std::string(20'000, ')')};
  EXPECT_THROW(targets_of(spec), InputError);
  const std::string error = error_of([] {
    expect_target({.rank_pattern = std::vector(100'000, std::pair<std::string, std::int64_t>("a", 1))}, 1, 2,
                  16);
  });
  EXPECT_NE(error.find("rank_pattern has 100000 patterns; the limit is 10000"), std::string::npos) << error;
}

TEST(LoraTargets, PatternsSetRankAndAlphaByTheEndOfTheName) {
  const LoraSpec spec{.rank_pattern = {{"up_proj", 2}, {"[02].self_attn.q_proj", 3}, {"p_proj", 7}},
                      .alpha_pattern = {{"model.layers.1.mlp.up_proj", 5}}};
  expect_target(spec, 0, 3, 16);
  expect_target(spec, 1, 2, 16);
  expect_target(spec, 2, 8, 16);
  expect_target(spec, 3, 2, 5);
  expect_target({.rank_pattern = {{"p_proj", 7}}}, 1, 8, 16);  // only after a dot
}

TEST(LoraTargets, OfThePatternsThatMatchTheFirstCounts) {
  expect_target({.rank_pattern = {{"up_proj", 2}, {"mlp.up_proj", 3}}}, 1, 2, 16);
  expect_target({.rank_pattern = {{"mlp.up_proj", 3}, {"up_proj", 2}}}, 1, 3, 16);
  expect_target({.alpha_pattern = {{"up_proj|q_proj", 2}, {"1.mlp.up_proj", 3}}}, 3, 8, 2);
  expect_target({.alpha_pattern = {{"1.mlp.up_proj", 3}, {"up_proj|q_proj", 2}}}, 3, 8, 3);
}

TEST(LoraTargets, APatternThatIsNoRegularExpressionIsNamed) {
  const std::string error = error_of([] { expect_target({.rank_pattern = {{"(up_proj", 2}}}, 1, 2, 16); });
  EXPECT_NE(error.find("\"(up_proj\" is not a regular expression"), std::string::npos) << error;
}

}  // namespace
}  // namespace una::model
