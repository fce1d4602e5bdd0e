// Against what transformers recorded (tests/parity/sampling_fixtures.py).
#include <cmath>

#include <gtest/gtest.h>

#include "una/base/files/files.h"
#include "una/base/json.h"
#include "una/generate/engine.h"
#include "una/generate/sampler.h"
#include "una/model/fixtures_testing.h"

namespace una::generate {
namespace {

using Ids = std::vector<std::int32_t>;

const Json& recorded() {
  static const Json kAll = parse_json(read_file(model::fixture_folder("../sampling.json")), "sampling.json");
  return kAll;
}

SamplingParams params_of(const Json& json) {
  SamplingParams params;
  params.temperature = json.value("temperature", 1.0);
  params.top_p = json.value("top_p", 1.0);
  params.top_k = json.value("top_k", 0);
  params.min_p = json.value("min_p", 0.0);
  params.repetition_penalty = json.value("repetition_penalty", 1.0);
  params.min_new_tokens = json.value("min_new_tokens", 0);
  params.stop_ids = recorded().at("stop_ids").get<Ids>();
  return params;
}

// Draws over a grid of uniform numbers: exactly the tokens that transformers leaves come, each with its
// probability, and each draw knows its log-prob.
TEST(SamplingParity, TheDistributionIsThatOfGenerate) {
  constexpr int kGrid = 2000;
  for (const Json& one : recorded().at("cases")) {
    const SamplingParams params = params_of(one.at("params"));
    const Ids prompt = one.at("prompt").get<Ids>(), answer = one.at("answer").get<Ids>();
    const at::Tensor logits = at::tensor(one.at("logits").get<std::vector<float>>()).unsqueeze(0);
    const RowChoice row{.params = &params,
                        .forbid_stops = std::ssize(answer) < params.min_new_tokens,
                        .prompt = prompt,
                        .answer = answer};
    std::vector<double> shares(static_cast<std::size_t>(logits.size(1)), 0);
    for (int i = 0; i < kGrid; ++i) {
      RowChoice choice = row;
      choice.uniform = (i + 0.5) / kGrid;
      const Draw draw = draw_tokens(logits, {choice})[0];
      const auto token = static_cast<std::size_t>(draw.token);
      ASSERT_FALSE(one["logps"][token].is_null()) << one.at("params") << " token " << token;
      EXPECT_NEAR(draw.processed_logp, one["logps"][token].get<double>(), 1e-5) << one.at("params");
      shares[token] += 1.0 / kGrid;
    }
    for (std::size_t token = 0; token < shares.size(); ++token) {
      const Json& logp = one["logps"][token];
      EXPECT_NEAR(shares[token], logp.is_null() ? 0 : std::exp(logp.get<double>()), 1.5e-3)
          << one.at("params") << " token " << token;
    }
  }
}

TEST(SamplingParity, GreedyTokensWithAPenaltyAndAMinimumLengthAreThoseOfGenerate) {
  for (const Json& one : recorded().at("greedy")) {
    const auto model = model::load_fixture(one.at("model").get<std::string>());
    Engine engine(*model, nullptr, {});
    const SamplingParams params{.max_new_tokens = 16,
                                .min_new_tokens = one.at("min_new_tokens").get<std::int64_t>(),
                                .temperature = 0,
                                .repetition_penalty = one.at("repetition_penalty").get<double>(),
                                .stop_ids = one.at("stop_ids").get<Ids>()};
    const Output output =
        generate_all(engine, {{.id = 1, .prompt = one.at("prompt").get<Ids>(), .params = params}})[0];
    EXPECT_EQ(output.ids, one.at("ids").get<Ids>()) << one.at("model");
    for (const float logp : output.processed_logps) { EXPECT_EQ(logp, 0); }
    for (const float logp : output.logps) { EXPECT_LT(logp, 0); }
  }
}

}  // namespace
}  // namespace una::generate
