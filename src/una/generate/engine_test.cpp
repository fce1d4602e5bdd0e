#include "una/generate/engine.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/tensor.h>

#include "una/base/error.h"
#include "una/core/tiny_spec_testing.h"
#include "una/kernels/standin_device_testing.h"

namespace una::generate {
namespace {

// Tensors this small are slower on two threads, and far slower on a busy machine.
[[maybe_unused]] const bool kOneThread = (at::set_num_threads(1), true);

using Ids = std::vector<std::int32_t>;
using Finish = Output::Finish;

// The first layer's window is shorter than the sequences of the tests.
ModelSpec windowed_spec() {
  ModelSpec spec = tiny_spec({.positions = 32, .initializer_range = 0.4});
  spec.windows = {5, 0};
  return spec;
}

// The last token's logits by a pass over the whole sequence, without a cache.
at::Tensor full_logits(model::Model& model, const Ids& ids) {
  const at::NoGradGuard no_grad;
  std::vector<std::int64_t> tokens(ids.begin(), ids.end()), positions;
  const auto size = static_cast<std::int32_t>(ids.size());
  for (std::int32_t i = 0; i < size; ++i) { positions.push_back(i); }
  const at::Tensor states =
      model.hidden(at::tensor(tokens), at::tensor(positions), {{0, size, {{0, size}}}}, {});
  return model.logits(states.narrow(0, size - 1, 1), model::kNoAdapter);
}

std::vector<Request> requests(const SamplingParams& params) {
  return {{.id = 1, .prompt = {3, 17, 25}, .params = params},
          {.id = 2, .prompt = {9}, .params = params},
          {.id = 3, .prompt = {3, 17, 25, 31, 8, 2, 39, 11, 5}, .params = params},
          {.id = 1, .prompt = {3, 17, 25}, .params = params, .sample = 1},
          {.id = 4, .prompt = {30, 29}, .params = params}};
}

std::vector<Output> run(model::Model& model, const Engine::Options& options, const SamplingParams& params) {
  Engine engine(model, nullptr, options);
  return generate_all(engine, requests(params));
}

void expect_same(const std::vector<Output>& a, const std::vector<Output>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].ids, b[i].ids) << i;
    EXPECT_EQ(a[i].id, b[i].id);
    for (std::size_t k = 0; k < a[i].logps.size(); ++k) { EXPECT_NEAR(a[i].logps[k], b[i].logps[k], 1e-5); }
  }
}

TEST(Engine, GreedyTokensEqualThoseOfFullForwardPasses) {
  model::Model model(windowed_spec(), 5, {});
  const SamplingParams params{.max_new_tokens = 9, .temperature = 0};
  const std::vector<Output> outputs = run(model, {}, params);
  const std::vector<Request> asked = requests(params);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    Ids ids = asked[i].prompt;
    for (std::size_t k = 0; k < 9; ++k) {
      const at::Tensor logps = at::log_softmax(full_logits(model, ids), -1);
      const auto best = logps.argmax().item<std::int64_t>();
      ASSERT_EQ(outputs[i].ids[k], best) << "request " << i << " token " << k;
      EXPECT_NEAR(outputs[i].logps[k], logps[0][best].item<double>(), 1e-5);
      ids.push_back(static_cast<std::int32_t>(best));
    }
    EXPECT_EQ(outputs[i].finish, Finish::kLength);
  }
}

TEST(Engine, AnotherDeviceSaysTheSame) {
  model::Model here(windowed_spec(), 5, {}),
      far(windowed_spec(), 5, {.device = kernels::testing::far_device()});
  for (const double temperature : {0.0, 1.0}) {
    const SamplingParams params{.max_new_tokens = 9, .temperature = temperature};
    const std::vector<Output> wanted = run(here, {}, params);
    const std::vector<Output> got = run(far, {.max_batch = 3}, params);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      EXPECT_EQ(got[i].ids, wanted[i].ids) << i;
      for (std::size_t k = 0; k < got[i].logps.size(); ++k) {
        EXPECT_NEAR(got[i].logps[k], wanted[i].logps[k], 1e-4);
      }
    }
  }
}

// phi3's longrope: a sequence that becomes long is computed again by the long factors, as transformers does.
ModelSpec longrope_spec() {
  ModelSpec spec = windowed_spec();
  spec.model_type = "phi3";
  spec.rope = {.type = "longrope",
               .theta = 100,
               .factor = 4,
               .original_max_positions = 8,
               .short_factor = {1, 1.1, 1.3},
               .long_factor = {1.5, 3, 9}};
  spec.recompute_at_long_rope = true;
  return spec;
}

TEST(Engine, ASequenceThatBecomesLongIsComputedAnew) {
  model::Model model(longrope_spec(), 5, {});
  const SamplingParams params{.max_new_tokens = 12, .temperature = 0};
  const std::vector<Output> outputs = run(model, {}, params);
  const std::vector<Request> asked = requests(params);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    Ids ids = asked[i].prompt;
    for (std::size_t k = 0; k < 12; ++k) {
      const at::Tensor logps = at::log_softmax(full_logits(model, ids), -1);
      EXPECT_NEAR(outputs[i].logps[k], logps.max().item<double>(), 1e-5) << "request " << i << " token " << k;
      ids.push_back(outputs[i].ids[k]);
    }
  }
  expect_same(run(model, {.max_batch = 2}, params), outputs);
  expect_same(run(model, {.cache_tokens = 40}, params), outputs);
  ModelSpec spec = longrope_spec();
  spec.recompute_at_long_rope = false;
  model::Model kept(spec, 5, {});
  EXPECT_GT(std::fabs(run(kept, {}, params)[0].logps[8] - outputs[0].logps[8]), 1e-4)
      << "keys turned by the short factors";
}

TEST(Engine, DynamicRopeGoesOnBeyondTheTrainedPositions) {
  ModelSpec spec = windowed_spec();
  spec.rope = {.type = "dynamic", .theta = 100, .factor = 2};
  model::Model model(spec, 5, {});
  const SamplingParams params{.max_new_tokens = 100, .temperature = 0};
  EXPECT_EQ(run(model, {}, params)[0].ids.size(), 61U) << "64 positions, 3 of the prompt";
}

TEST(Engine, ATextDoesNotDependOnItsNeighbours) {
  model::Model model(windowed_spec(), 5, {});
  const SamplingParams params{.max_new_tokens = 12, .temperature = 1.3};
  const std::vector<Output> together = run(model, {}, params);
  std::vector<Output> alone;
  for (Request& request : requests(params)) {
    Engine engine(model, nullptr, {});
    alone.push_back(generate_all(engine, {request})[0]);
  }
  expect_same(together, alone);
  EXPECT_NE(together[0].ids, together[3].ids) << "two samples of one prompt";
}

TEST(Engine, SmallBatchesCachesAndPrefillsChangeNothing) {
  model::Model model(windowed_spec(), 5, {});
  const SamplingParams params{.max_new_tokens = 12, .temperature = 1.3};
  const std::vector<Output> wide = run(model, {}, params);
  expect_same(run(model, {.max_batch = 1}, params), wide);
  expect_same(run(model, {.max_batch = 2}, params), wide);
  expect_same(run(model, {.cache_tokens = 20}, params), wide);
  expect_same(run(model, {.cache_tokens = 41}, params), wide);
  expect_same(run(model, {.prefill_tokens = 1}, params), wide);
}

TEST(Engine, SamplesOfOnePromptComputeItOnce) {
  model::Model model(windowed_spec(), 5, {});
  Engine engine(model, nullptr, {.max_batch = 4});
  std::vector<Request> asked;
  for (std::uint64_t sample = 0; sample < 10; ++sample) {
    asked.push_back({.id = 1, .prompt = {3, 17, 25, 4}, .params = {.max_new_tokens = 5}, .sample = sample});
  }
  const std::vector<Output> outputs = generate_all(engine, asked);
  EXPECT_EQ(engine.prompt_tokens(), 4);
  EXPECT_EQ(engine.new_tokens(), 50);
  for (std::size_t i = 0; i < outputs.size(); ++i) { EXPECT_EQ(outputs[i].sample, i); }
  generate_all(engine, {asked[0]});
  EXPECT_EQ(engine.prompt_tokens(), 8) << "a prompt that no request needs is forgotten";
}

// X is before the prompt of A, whose second sample then finds 4 + 5 free slots and needs 8 in a row.
TEST(Engine, ACachedPromptInTheMiddleOfTheCacheBlocksNothing) {
  model::Model model(windowed_spec(), 5, {});
  const auto asked = [] {
    return std::vector<Request>{
        {.id = 1, .prompt = {9, 8}, .params = {.max_new_tokens = 3}},
        {.id = 2, .prompt = {3, 17, 25}, .params = {.max_new_tokens = 2}},
        {.id = 2, .prompt = {3, 17, 25}, .params = {.max_new_tokens = 9}, .sample = 1}};
  };
  Engine tight(model, nullptr, {.max_batch = 2, .cache_tokens = 12}), wide(model, nullptr, {});
  expect_same(generate_all(tight, asked()), generate_all(wide, asked()));
}

TEST(Engine, RequestsMayComeWhileOthersRun) {
  model::Model model(windowed_spec(), 5, {});
  const SamplingParams params{.max_new_tokens = 8};
  std::vector<Request> asked = requests(params);
  Engine engine(model, nullptr, {});
  std::vector<Output> outputs(asked.size());
  for (Request& request : asked) {
    engine.add(request);
    for (Output& output : engine.step()) { outputs[output.ticket] = output; }
  }
  while (!engine.done()) {
    for (Output& output : engine.step()) { outputs[output.ticket] = output; }
  }
  expect_same(outputs, run(model, {}, params));
}

TEST(Engine, StopIdsEndATextAndStayInIt) {
  model::Model model(windowed_spec(), 5, {});
  const SamplingParams greedy{.max_new_tokens = 9, .temperature = 0};
  const Ids free = run(model, {}, greedy)[0].ids;
  SamplingParams stopped = greedy;
  stopped.stop_ids = {free[3], 1000};
  const std::size_t first =
      static_cast<std::size_t>(std::find(free.begin(), free.end(), free[3]) - free.begin());
  const Output output = run(model, {}, stopped)[0];
  EXPECT_EQ(output.finish, Finish::kEos);
  EXPECT_EQ(output.ids, Ids(free.begin(), free.begin() + static_cast<std::ptrdiff_t>(first) + 1));
  stopped.min_new_tokens = 6;
  const Output longer = run(model, {}, stopped)[0];
  EXPECT_GE(longer.ids.size(), 6U);
  for (std::size_t i = 0; i < 6; ++i) { EXPECT_NE(longer.ids[i], free[3]); }
}

TEST(Engine, TheModelsPositionsAreALimit) {
  model::Model model(windowed_spec(), 5, {});
  Engine engine(model, nullptr, {});
  EXPECT_THROW(engine.add({.prompt = Ids(32, 1)}), InputError);
  EXPECT_THROW(engine.add({.prompt = Ids(40, 1)}), InputError);
  const std::vector<Output> outputs =
      generate_all(engine, {{.prompt = Ids(31, 1), .params = {.max_new_tokens = 100}},
                            {.prompt = Ids(20, 1), .params = {.max_new_tokens = 100}}});
  EXPECT_EQ(outputs[0].ids.size(), 1U);
  EXPECT_EQ(outputs[1].ids.size(), 12U);
  EXPECT_EQ(outputs[1].finish, Finish::kLength);
}

TEST(Engine, BadRequestsAreRefusedInWords) {
  model::Model model(windowed_spec(), 5, {});
  Engine engine(model, nullptr, {.cache_tokens = 10});
  EXPECT_THROW(engine.add({.prompt = {}}), InputError);
  EXPECT_THROW(engine.add({.prompt = {1}, .params = {.temperature = -1}}), InputError);
  EXPECT_THROW(engine.add({.prompt = {1}, .params = {.top_p = 0}}), InputError);
  EXPECT_THROW(engine.add({.prompt = {1}, .params = {.top_k = -2}}), InputError);
  EXPECT_THROW(engine.add({.prompt = {1}, .params = {.max_new_tokens = -1}}), InputError);
  EXPECT_THROW(engine.add({.prompt = {1}, .params = {.stop = {"x"}}}), InputError) << "no tokenizer";
  EXPECT_THROW(engine.add({.prompt = {1}, .params = {.max_new_tokens = 20}}), InputError) << "cache of 10";
  EXPECT_TRUE(engine.done());
  engine.add({.prompt = {1, 99}, .params = {.max_new_tokens = 2}});
  EXPECT_THROW(engine.step(), InputError) << "no such token";
}

TEST(Engine, NothingAskedIsNothingSaid) {
  model::Model model(windowed_spec(), 5, {});
  Engine engine(model, nullptr, {});
  EXPECT_TRUE(engine.done());
  EXPECT_TRUE(engine.step().empty());
  const std::vector<Output> outputs =
      generate_all(engine, {{.id = 7, .prompt = {1}, .params = {.max_new_tokens = 0}}});
  EXPECT_EQ(outputs[0].id, 7);
  EXPECT_TRUE(outputs[0].ids.empty());
  EXPECT_TRUE(engine.done());
}

TEST(Engine, TheAdapterThatIsNamedSpeaks) {
  model::Model model(windowed_spec(), 5, {});
  const model::AdapterId adapter = model.add_adapter({.target_modules = {"all-linear"}}, 1, true);
  const SamplingParams params{.max_new_tokens = 12, .temperature = 0};
  expect_same(run(model, {.adapter = adapter}, params), run(model, {}, params));
  for (model::TrainableTensor& tensor : model.trainable()) {
    tensor.master.set_data(tensor.master.detach().add(0.1));
  }
  model.refresh();
  EXPECT_NE(run(model, {.adapter = adapter}, params)[2].ids, run(model, {}, params)[2].ids);
}

TEST(Engine, Bf16ModelsGenerateToo) {
  model::Model model(windowed_spec(), 5, {.dtype = at::kBFloat16});
  const std::vector<Output> outputs = run(model, {}, {.max_new_tokens = 6});
  for (const Output& output : outputs) { EXPECT_EQ(output.ids.size(), 6U); }
}

}  // namespace
}  // namespace una::generate
