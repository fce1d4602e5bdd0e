// What a server asks of the engine: many callers, several adapters, prompts that begin alike.
#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/topk.h>

#include "una/base/error.h"
#include "una/base/rng.h"
#include "una/core/tiny_spec_testing.h"
#include "una/generate/engine.h"
#include "una/model/gemma4_testing.h"

namespace una::generate {
namespace {

// Tensors this small are slower on two threads, and far slower on a busy machine.
[[maybe_unused]] const bool kOneThread = (at::set_num_threads(1), true);

using Ids = std::vector<std::int32_t>;

// The first layer's window is shorter than the sequences of the tests.
ModelSpec long_spec() {
  ModelSpec spec = tiny_spec({.positions = 160, .initializer_range = 0.25});
  spec.windows = {21, 0};
  return spec;
}

// Short convolutions around attention, whose last tokens are often in blocks of the prefix cache.
ModelSpec hybrid_spec() {
  ModelSpec spec = tiny_spec({.layers = 3, .positions = 160, .initializer_range = 0.25});
  spec.model_type = "lfm2";
  spec.qk_norm = QkNorm::kHead;
  spec.mixers = {Mixer::kShortConvolution, Mixer::kAttention, Mixer::kShortConvolution};
  spec.conv_kernel = 3;
  return spec;
}

// Layers that read the keys and values of earlier ones and have no place in the cache.
ModelSpec gemma4_spec() {
  ModelSpec spec = model::tiny_gemma4_spec();
  spec.max_positions = 160;
  spec.attention_scale = 0.2;  // so that rounding stays small
  spec.initializer_range = 0.6;
  spec.gemma4.input_size = 16;
  return spec;
}

// Gated delta rules around gated attention, whose states no block of the prefix cache has.
ModelSpec stateful_spec() {
  ModelSpec spec = hybrid_spec();
  spec.model_type = "qwen3_5_text";
  spec.norm_eps = 0.05;  // norms of results near zero do not make rounding large
  spec.norm_style = NormStyle::kPlusOne;
  spec.attention_gate = true;
  spec.mixers = {Mixer::kGatedDeltaRule, Mixer::kAttention, Mixer::kGatedDeltaRule};
  spec.delta_rule = {.num_key_heads = 1, .num_value_heads = 2, .key_head_dim = 8, .value_head_dim = 12};
  return spec;
}

Ids random_ids(std::uint64_t seed, std::size_t size) {
  Ids ids;
  for (std::size_t i = 0; i < size; ++i) {
    ids.push_back(static_cast<std::int32_t>(random_bits(seed, i, 7) % 40));
  }
  return ids;
}

// A model with three adapters, all different.
struct Adapted {
  explicit Adapted(bool with_dora = false, const ModelSpec& spec = long_spec()) : model(spec, 5, {}) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      const LoraSpec lora{.r = 4, .use_dora = with_dora && seed == 2, .target_modules = {"all-linear"}};
      adapters.push_back(
          std::make_shared<const LoadedAdapter>(LoadedAdapter{model.add_adapter(lora, seed, true)}));
    }
    std::uint64_t count = 0;
    for (model::TrainableTensor& tensor : model.trainable()) {
      tensor.master.set_data(tensor.master.detach().add(0.01 * static_cast<double>(++count % 7)));
    }
    model.refresh();
  }
  AdapterHandle adapter(std::size_t i) const { return i % 4 == 3 ? nullptr : adapters[i % 4]; }

  model::Model model;
  std::vector<AdapterHandle> adapters;
};

// Half of the prompts share 50 ids, in groups; every other request wants all log-probs.
std::vector<Request> crowd(const Adapted& adapted, std::size_t size) {
  std::vector<Request> out;
  for (std::size_t i = 0; i < size; ++i) {
    Request request{.id = static_cast<std::int64_t>(i), .params = {.max_new_tokens = 12}};
    if (i % 2 == 0) { request.prompt = random_ids(100 + i % 8, 50); }
    for (const std::int32_t id : random_ids(i, 3 + i * 7 % 40)) { request.prompt.push_back(id); }
    request.params.temperature = i % 3 == 0 ? 0 : 1.2;
    request.params.frequency_penalty = i % 5 == 0 ? 0.7 : 0;
    request.adapter = adapted.adapter(i);
    request.top_logps = i % 4 == 0 ? 5 : 0;
    if (i % 4 < 2) { request.prompt_logps = 3; }
    out.push_back(request);
  }
  return out;
}

void expect_close(const std::vector<TopLogp>& a, const std::vector<TopLogp>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].id, b[i].id);
    EXPECT_NEAR(a[i].logp, b[i].logp, 1e-5);
  }
}

void expect_same(const Output& a, const Output& b) {
  EXPECT_EQ(a.ids, b.ids) << "request " << a.id;
  ASSERT_EQ(a.logps.size(), b.logps.size());
  for (std::size_t k = 0; k < a.logps.size(); ++k) { EXPECT_NEAR(a.logps[k], b.logps[k], 1e-5); }
  ASSERT_EQ(a.top.size(), b.top.size());
  for (std::size_t k = 0; k < a.top.size(); ++k) { expect_close(a.top[k], b.top[k]); }
  ASSERT_EQ(a.prompt_logps == nullptr, b.prompt_logps == nullptr);
  if (!a.prompt_logps) { return; }
  ASSERT_EQ(a.prompt_logps->size(), b.prompt_logps->size());
  for (std::size_t k = 1; k < a.prompt_logps->size(); ++k) {
    EXPECT_NEAR((*a.prompt_logps)[k].logp, (*b.prompt_logps)[k].logp, 1e-5)
        << "request " << a.id << " id " << k;
    expect_close((*a.prompt_logps)[k].top, (*b.prompt_logps)[k].top);
  }
}

std::vector<Output> one_by_one(Adapted& adapted, const std::vector<Request>& requests) {
  std::vector<Output> out;
  for (const Request& request : requests) {
    Engine engine(adapted.model, nullptr, {});
    out.push_back(generate_all(engine, {request})[0]);
  }
  return out;
}

void expect_answers_alone(Adapted& adapted, std::size_t size) {
  const std::vector<Request> requests = crowd(adapted, size);
  const std::vector<Output> alone = one_by_one(adapted, requests);
  for (const Engine::Options& options :
       {Engine::Options{}, Engine::Options{.prefix_cache = true},
        Engine::Options{.max_batch = 9, .cache_tokens = 800, .prefix_cache = true},
        Engine::Options{.cache_tokens = 130, .prefix_cache = true}}) {
    Engine engine(adapted.model, nullptr, options);
    for (int turn = 0; turn < 2; ++turn) {  // the second time every prompt was seen
      const std::vector<Output> together = generate_all(engine, requests);
      for (std::size_t i = 0; i < requests.size(); ++i) { expect_same(together[i], alone[i]); }
    }
    const bool states = adapted.model.spec().delta_rule.num_key_heads > 0;
    if (states) { EXPECT_EQ(engine.counts().prefix_hits, 0); }
    if (!states && options.prefix_cache && options.cache_tokens == 800) {
      EXPECT_GT(engine.counts().prefix_hits, 0);
    }
  }
  EXPECT_NE(alone[0].ids, one_by_one(adapted, {[&] {
                                       Request other = requests[0];
                                       other.adapter = adapted.adapters[1];
                                       return other;
                                     }()})[0]
                              .ids);
}

TEST(SharedEngine, ARequestHasItsAnswerAloneInACrowdAndBehindACacheHit) {
  for (const bool with_dora : {false, true}) {
    Adapted adapted(with_dora);
    expect_answers_alone(adapted, with_dora ? 16 : 64);
  }
}

TEST(SharedEngine, AHybridsConvolutionsReadCachedPromptsAndBlocks) {
  Adapted adapted(false, hybrid_spec());
  expect_answers_alone(adapted, 32);
}

TEST(SharedEngine, LayersThatShareKeysReadCachedPromptsAndBlocks) {
  Adapted adapted(false, gemma4_spec());
  expect_answers_alone(adapted, 32);
}

TEST(SharedEngine, StatesFollowTheirSequences) {
  Adapted adapted(false, stateful_spec());
  expect_answers_alone(adapted, 32);
}

// Eight samples of each prompt, whose log-probs are those of whole passes without a cache.
void expect_logps_of_whole_passes(const ModelSpec& spec) {
  Adapted adapted(false, spec);
  std::vector<Request> asked;
  for (std::uint64_t i = 0; i < 24; ++i) {
    asked.push_back({.id = static_cast<std::int64_t>(i % 3),
                     .prompt = random_ids(i % 3, 1 + i % 3),
                     .params = {.max_new_tokens = 7},
                     .sample = i / 3});
  }
  Engine engine(adapted.model, nullptr, {.max_batch = 10});
  const std::vector<Output> outputs = generate_all(engine, asked);
  EXPECT_EQ(engine.prompt_tokens(), 1 + 2 + 3) << "each prompt once";
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    std::vector<std::int64_t> tokens(asked[i].prompt.begin(), asked[i].prompt.end());
    const auto begin = std::ssize(tokens);
    tokens.insert(tokens.end(), outputs[i].ids.begin(), outputs[i].ids.end());
    std::vector<std::int64_t> positions;
    for (std::int64_t p = 0; p < std::ssize(tokens); ++p) { positions.push_back(p); }
    const auto size = static_cast<std::int32_t>(tokens.size());
    const at::Tensor states =
        adapted.model.hidden(at::tensor(tokens), at::tensor(positions), {{0, size, {{0, size}}}}, {});
    const at::Tensor logps = at::log_softmax(adapted.model.logits(states, model::kNoAdapter), -1);
    for (std::int64_t k = begin; k < size; ++k) {
      EXPECT_NEAR(outputs[i].logps[static_cast<std::size_t>(k - begin)],
                  logps[k - 1][tokens[static_cast<std::size_t>(k)]].item<double>(), 1e-5);
    }
  }
}

TEST(SharedEngine, SamplesOfAHybridHaveTheLogProbsOfWholePasses) {
  expect_logps_of_whole_passes(hybrid_spec());
  expect_logps_of_whole_passes(stateful_spec());
}

TEST(SharedEngine, ASecondPromptComputesOnlyWhatIsNew) {
  Adapted adapted;
  Engine engine(adapted.model, nullptr, {.cache_tokens = 1000, .prefix_cache = true});
  Request first{.prompt = random_ids(1, 70), .params = {.max_new_tokens = 2}};
  generate_all(engine, {first});
  EXPECT_EQ(engine.prompt_tokens(), 70);
  Request longer = first;
  for (const std::int32_t id : random_ids(2, 20)) { longer.prompt.push_back(id); }
  generate_all(engine, {longer});
  EXPECT_EQ(engine.prompt_tokens(), 70 + 90 - 64) << "four blocks of 16";
  Request whole = first;
  whole.prompt.resize(64);
  generate_all(engine, {whole});
  EXPECT_EQ(engine.prompt_tokens(), 96) << "all of it is in blocks";
  Request other = first;
  other.adapter = adapted.adapters[0];
  generate_all(engine, {other});
  EXPECT_EQ(engine.prompt_tokens(), 96 + 70) << "other weights";
  Request scored = first;
  scored.prompt_logps = 2;
  generate_all(engine, {scored});
  EXPECT_EQ(engine.prompt_tokens(), 96 + 140) << "the blocks have no log-probs";
  generate_all(engine, {scored});
  EXPECT_EQ(engine.prompt_tokens(), 96 + 140 + 6) << "now they have";
  EXPECT_EQ(engine.counts().prefix_hits, 64 + 64 + 64);
  EXPECT_EQ(engine.counts().used_slots, 0) << "idle blocks do not count";
}

TEST(SharedEngine, APromptsLogProbsAreThoseOfAFullPass) {
  Adapted adapted;
  const at::NoGradGuard no_grad;
  const Ids ids = random_ids(9, 150);  // more rows than one chunk of the head
  const std::vector<std::int64_t> tokens(ids.begin(), ids.end());
  std::vector<std::int64_t> positions;
  for (std::int64_t i = 0; i < 150; ++i) { positions.push_back(i); }
  const at::Tensor states =
      adapted.model.hidden(at::tensor(tokens), at::tensor(positions), {{0, 150, {{0, 150}}}}, {});
  const at::Tensor logps = at::log_softmax(adapted.model.logits(states, model::kNoAdapter), -1);
  Engine engine(adapted.model, nullptr, {});
  const Output output =
      generate_all(engine, {{.prompt = ids, .params = {.max_new_tokens = 0}, .prompt_logps = 20}})[0];
  EXPECT_TRUE(output.ids.empty());
  ASSERT_EQ(output.prompt_logps->size(), 150U);
  EXPECT_TRUE(std::isnan((*output.prompt_logps)[0].logp));
  for (std::int64_t i = 1; i < 150; ++i) {
    const TokenLogps& found = (*output.prompt_logps)[static_cast<std::size_t>(i)];
    const at::Tensor row = logps[i - 1];
    EXPECT_NEAR(found.logp, row[tokens[static_cast<std::size_t>(i)]].item<double>(), 1e-5);
    const auto [values, best] = at::topk(row, 20);
    for (std::int64_t k = 0; k < 20; ++k) {
      EXPECT_NEAR(found.top[static_cast<std::size_t>(k)].logp, values[k].item<double>(), 1e-5);
    }
    const auto rank = row.gt(row[tokens[static_cast<std::size_t>(i)]]).sum().item<std::int64_t>() + 1;
    EXPECT_EQ(found.rank, rank);
  }
}

TEST(SharedEngine, AGreedyTokenHasTheLogProbOfTheLikeliestOne) {
  Adapted adapted;
  Engine engine(adapted.model, nullptr, {});
  const Output output = generate_all(engine, {{.prompt = random_ids(4, 30),
                                               .params = {.max_new_tokens = 20, .temperature = 0},
                                               .top_logps = 1,
                                               .prompt_logps = 1}})[0];
  ASSERT_EQ(output.top.size(), 20U);
  for (std::size_t i = 0; i < output.ids.size(); ++i) {
    EXPECT_EQ(output.top[i][0].id, output.ids[i]);
    EXPECT_EQ(output.top[i][0].logp, output.logps[i]) << "clients compare them bit by bit";
  }
}

TEST(SharedEngine, ACancelledRequestLeavesNothingBehind) {
  Adapted adapted;
  Engine engine(adapted.model, nullptr, {.max_batch = 2, .cache_tokens = 200});
  std::vector<std::uint64_t> tickets;
  for (std::uint64_t i = 0; i < 4; ++i) {
    tickets.push_back(engine.add({.prompt = random_ids(i, 40), .params = {.max_new_tokens = 9}}));
  }
  engine.step();
  EXPECT_EQ(engine.counts().running, 2);
  EXPECT_EQ(engine.counts().waiting_tokens, 2 * 49);
  EXPECT_TRUE(engine.cancel(tickets[0]));
  EXPECT_TRUE(engine.cancel(tickets[3])) << "it waits";
  EXPECT_FALSE(engine.cancel(tickets[0]));
  EXPECT_EQ(engine.counts().waiting_tokens, 49);
  std::vector<std::uint64_t> ended;
  while (!engine.done()) {
    for (const Output& output : engine.step()) { ended.push_back(output.ticket); }
  }
  EXPECT_EQ(ended, (std::vector<std::uint64_t>{tickets[1], tickets[2]}));
  EXPECT_EQ(engine.counts().used_slots, 0);
}

TEST(SharedEngine, AnAdapterGoesWithItsLastRequest) {
  Adapted adapted;
  Engine engine(adapted.model, nullptr, {.cache_tokens = 400, .prefix_cache = true});
  AdapterHandle handle = adapted.adapters[0];
  const model::AdapterId id = handle->id;
  adapted.adapters[0].reset();
  const Request asked{.prompt = random_ids(1, 40), .params = {.max_new_tokens = 10}, .adapter = handle};
  const Output alone = one_by_one(adapted, {asked})[0];
  engine.add(asked);
  engine.step();
  engine.retire(std::move(handle));
  EXPECT_NO_THROW(adapted.model.adapter_spec(id)) << "this request and the one above still hold it";
  // Others come while it runs.
  const model::AdapterId other = adapted.model.add_adapter({.r = 2, .target_modules = {"q_proj"}}, 9, false);
  engine.add({.prompt = random_ids(2, 30),
              .params = {.max_new_tokens = 4},
              .adapter = std::make_shared<const LoadedAdapter>(LoadedAdapter{other})});
  while (!engine.done()) {
    for (const Output& output : engine.step()) {
      if (output.ticket == 0) { expect_same(output, alone); }
    }
  }
  EXPECT_NO_THROW(adapted.model.adapter_spec(id)) << "`asked` holds it";
  const_cast<Request&>(asked).adapter.reset();
  engine.add({.prompt = {1}, .params = {.max_new_tokens = 1}});
  engine.step();
  EXPECT_THROW(adapted.model.adapter_spec(id), InternalError);
}

TEST(SharedEngine, WaitingTokensAreBounded) {
  Adapted adapted;
  Engine engine(adapted.model, nullptr, {.max_batch = 1, .max_waiting_tokens = 60});
  const Request asked{.prompt = random_ids(1, 40), .params = {.max_new_tokens = 10}};
  engine.add(asked);
  engine.step();
  engine.add(asked);
  EXPECT_THROW(engine.add(asked), Busy);
  EXPECT_THROW(engine.add({.prompt = {1}, .top_logps = 21}), InputError);
  while (!engine.done()) { engine.step(); }
  EXPECT_NO_THROW(engine.add(asked));
}

}  // namespace
}  // namespace una::generate
