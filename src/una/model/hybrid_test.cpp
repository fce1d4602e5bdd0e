// Models whose layers are short convolutions or gated delta rules among attention: what one sequence must not see of another, and what an
// answer must see of its prompt.
#include <gtest/gtest.h>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include "una/base/rng.h"
#include "una/model/fixtures_testing.h"
#include "una/model/mixers/recurrent_states.h"
#include "una/model/model_memory.h"

namespace una::model {
namespace {

constexpr const char* kFixtures[] = {"lfm2", "lfm2_bias", "qwen3_5", "qwen3_5_tied"};

ModelSpec hybrid_spec() {
  ModelSpec spec = tiny_spec({.layers = 3});
  spec.model_type = "lfm2";
  spec.architecture = "Lfm2ForCausalLM";
  spec.qk_norm = QkNorm::kHead;
  spec.mixers = {Mixer::kShortConvolution, Mixer::kAttention, Mixer::kShortConvolution};
  spec.conv_kernel = 3;
  return spec;
}

Ids random_ids(Rng& rng, std::int64_t count) {
  Ids out;
  for (std::int64_t i = 0; i < count; ++i) { out.push_back(static_cast<std::int64_t>(rng.below(40))); }
  return out;
}

// Cuts a row of tokens at random places.
std::vector<Ids> random_cuts(Rng& rng) {
  std::vector<Ids> out;
  for (std::int64_t left = 8 + static_cast<std::int64_t>(rng.below(30)); left > 0;) {
    const std::int64_t count = std::min(left, 1 + static_cast<std::int64_t>(rng.below(9)));
    out.push_back(random_ids(rng, count));
    left -= count;
  }
  return out;
}

// Rows of one length: padding before a sequence is in no segment, padding behind it in the sequence's own.
PackedBatch pack_padded(const std::vector<Ids>& sequences, bool before) {
  std::size_t longest = 0;
  for (const Ids& ids : sequences) { longest = std::max(longest, ids.size()); }
  Packing out;
  for (const Ids& ids : sequences) {
    const Ids padding(longest - ids.size(), 0);
    if (before) { out.add_tokens(padding, 0); }
    const std::int32_t begin = out.row();
    out.add_tokens(ids, 0);
    if (!before) { out.add_tokens(padding, static_cast<std::int64_t>(ids.size())); }
    out.batch.segments.push_back({begin, out.row(), {{begin, out.row()}}});
    for (std::size_t i = 1; i < ids.size(); ++i) { out.want(begin + static_cast<int>(i) - 1, ids[i]); }
  }
  return out.finish();
}

at::Tensor one_by_one(Model& model, const std::vector<Ids>& sequences) {
  std::vector<at::Tensor> out;
  for (const Ids& ids : sequences) {
    if (ids.size() > 1) { out.push_back(model.forward(pack({ids}), {}, {}).logp); }
  }
  return out.empty() ? at::empty({0}) : at::cat(out);
}

TEST(Hybrid, PackedIsOneByOneIsPadded) {
  for (const char* fixture : kFixtures) {
    const auto model = load_fixture(fixture);
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      Rng rng(seed, stream_id("cuts"));
      const std::vector<Ids> sequences = random_cuts(rng);
      const at::Tensor alone = one_by_one(*model, sequences);
      EXPECT_LE(max_difference(model->forward(pack(sequences), {}, {}).logp, alone), 1e-5) << seed;
      for (const bool before : {false, true}) {
        const at::Tensor padded = model->forward(pack_padded(sequences, before), {}, {}).logp;
        EXPECT_LE(max_difference(padded, alone), 1e-5) << fixture << " " << seed << " " << before;
      }
    }
  }
}

TEST(Hybrid, GradientsOfPackedRowsAreThoseOfEachAlone) {
  for (const char* fixture : kFixtures) {
    const auto model = load_fixture(fixture, {.dtype = at::kDouble, .train_full = true});
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      Rng rng(seed, stream_id("cuts"));
      const std::vector<Ids> sequences = random_cuts(rng);
      model->forward(pack(sequences), {}, {}).logp.square().sum().backward();
      const std::vector<at::Tensor> packed = take_gradients(*model);
      one_by_one(*model, sequences).square().sum().backward();
      const std::vector<at::Tensor> alone = take_gradients(*model);
      for (std::size_t i = 0; i < packed.size(); ++i) {
        EXPECT_LE(relative_difference(packed[i], alone[i]), 1e-9) << fixture << " " << seed << " " << i;
      }
    }
  }
}

// The states of rows of one length, cut at `borders` into segments.
at::Tensor states_of(Model& model, const Ids& tokens, const std::vector<std::int32_t>& borders) {
  const at::NoGradGuard no_grad;
  std::vector<Segment> segments;
  Ids positions;
  for (std::size_t i = 0; i + 1 < borders.size(); ++i) {
    segments.push_back({borders[i], borders[i + 1], {{borders[i], borders[i + 1]}}});
    for (std::int64_t p = 0; p < borders[i + 1] - borders[i]; ++p) { positions.push_back(p); }
  }
  return model.hidden(at::tensor(tokens), at::tensor(positions), segments, {});
}

void expect_equal_rows(const at::Tensor& a, const at::Tensor& b, std::int64_t begin, std::int64_t end) {
  EXPECT_TRUE(a.narrow(0, begin, end - begin).equal(b.narrow(0, begin, end - begin)))
      << begin << " to " << end;
}

// Exactly, at every border of random rows: the other side keeps its bits.
TEST(Hybrid, ATokenMovedAcrossABorderChangesNothingOnTheOtherSide) {
  for (const char* fixture : kFixtures) {
    const auto model = load_fixture(fixture);
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      Rng rng(seed, stream_id("borders"));
      const Ids tokens = random_ids(rng, 24);
      const auto border = static_cast<std::int32_t>(6 + rng.below(6));
      const at::Tensor whole = states_of(*model, tokens, {0, border, 18, 24});
      // The border moves by one token: those before it and the segment behind the next border stay.
      const at::Tensor left = states_of(*model, tokens, {0, border - 1, 18, 24});
      expect_equal_rows(whole, left, 0, border - 1);
      expect_equal_rows(whole, left, 18, 24);
      EXPECT_FALSE(whole[border].equal(left[border])) << "its own segment sees it";
      // The tokens at the border change places.
      Ids swapped = tokens;
      std::swap(swapped[static_cast<std::size_t>(border) - 1], swapped[0]);
      expect_equal_rows(whole, states_of(*model, swapped, {0, border, 18, 24}), border, 24);
      Ids others = tokens;
      for (std::int64_t i = border; i < 18; ++i) { others[static_cast<std::size_t>(i)] = (i * 7 + 1) % 40; }
      const at::Tensor behind = states_of(*model, others, {0, border, 18, 24});
      expect_equal_rows(whole, behind, 0, border);
      expect_equal_rows(whole, behind, 18, 24);
    }
  }
}

std::vector<at::Tensor> gradients_of(Model& model, const at::Tensor& logp) {
  logp.mul(at::arange(logp.numel(), at::kDouble).add(1).sin()).sum().backward();
  return take_gradients(model);
}

void expect_shared_equals_separate(Model& model, const ForwardOptions& options) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Rng rng(seed, stream_id("shared"));
    const Ids prompt = random_ids(rng, 1 + static_cast<std::int64_t>(rng.below(5)));
    std::vector<Ids> answers, whole;
    for (int i = 0; i < 3; ++i) {
      answers.push_back(random_ids(rng, 1 + static_cast<std::int64_t>(rng.below(5))));
      whole.push_back(prompt);
      whole.back().insert(whole.back().end(), answers.back().begin(), answers.back().end());
    }
    const at::Tensor shared = model.forward(pack_shared(prompt, answers), {}, options).logp;
    const at::Tensor separate = model.forward(pack(whole, prompt.size()), {}, options).logp;
    EXPECT_LE(max_difference(shared.detach(), separate.detach()), 1e-9) << seed;
    const std::vector<at::Tensor> a = gradients_of(model, shared), b = gradients_of(model, separate);
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (a[i].defined()) { EXPECT_LE(relative_difference(a[i], b[i]), 1e-9) << seed << " " << i; }
    }
  }
}

// The prompt is shorter than the convolution sees, too.
TEST(Hybrid, ASharedPromptReachesEachAnswerForwardAndBackward) {
  for (const char* fixture : kFixtures) {
    const auto full = load_fixture(fixture, {.dtype = at::kDouble, .train_full = true});
    expect_shared_equals_separate(*full, {});
    expect_shared_equals_separate(*full, {.gradient_checkpointing = true});
    const auto frozen = load_fixture(fixture, {.dtype = at::kDouble});
    const AdapterId adapter = add_perturbed_adapter(*frozen, {.r = 3, .target_modules = {"all-linear"}});
    expect_shared_equals_separate(*frozen, {.adapter = adapter, .gradient_checkpointing = true});
  }
}

// Prompts and answers of more than one chunk of a gated delta rule.
TEST(Hybrid, LongSequencesShareAsShortOnesDo) {
  const auto model = load_fixture("qwen3_5", {.dtype = at::kDouble, .train_full = true});
  Rng rng(1, stream_id("long"));
  const Ids prompt = random_ids(rng, 75);
  std::vector<Ids> answers, whole;
  for (const std::int64_t count : {3, 40, 1}) {
    answers.push_back(random_ids(rng, count));
    whole.push_back(prompt);
    whole.back().insert(whole.back().end(), answers.back().begin(), answers.back().end());
  }
  const at::Tensor shared = model->forward(pack_shared(prompt, answers), {}, {}).logp;
  const at::Tensor separate = model->forward(pack(whole, prompt.size()), {}, {}).logp;
  EXPECT_LE(max_difference(shared.detach(), separate.detach()), 1e-9);
  const std::vector<at::Tensor> a = gradients_of(*model, shared), b = gradients_of(*model, separate);
  for (std::size_t i = 0; i < a.size(); ++i) { EXPECT_LE(relative_difference(a[i], b[i]), 1e-9) << i; }
}

// A prompt in slots that are not neighbours, and answers that grow side by side: the bits of whole passes.
TEST(Hybrid, AnswersReadTheirPromptFromTheCache) {
  for (const char* fixture : kFixtures) {
    const auto model = load_fixture(fixture);
    KvCache cache(*model, 40);
    const Ids prompt = {3, 17, 25}, slots = {11, 12, 30};
    const std::vector<Ids> answers = {{8, 2, 39, 11}, {5, 6, 9, 21}};
    model->hidden_cached(at::tensor(prompt), at::arange(3), {{0, 3, {{11, 13}, {30, 31}}}}, at::tensor(slots),
                         cache, {});
    for (std::int32_t step = 0; step < 4; ++step) {
      const auto at = static_cast<std::size_t>(step);
      const at::Tensor got = model->hidden_cached(
          at::tensor(Ids{answers[0][at], answers[1][at]}), at::tensor(Ids{3 + step, 3 + step}),
          {{0, 1, {{11, 13}, {30, 31}, {0, step + 1}}}, {1, 2, {{11, 13}, {30, 31}, {20, 21 + step}}}},
          at::tensor(Ids{step, 20 + step}), cache, {});
      for (std::size_t i = 0; i < 2; ++i) {
        Ids whole = prompt;
        whole.insert(whole.end(), answers[i].begin(), answers[i].begin() + step + 1);
        const at::NoGradGuard no_grad;
        const PackedBatch batch = pack({whole});
        const at::Tensor wanted = model->hidden(batch.tokens, batch.positions, batch.segments, {});
        EXPECT_LE(max_difference(got[static_cast<std::int64_t>(i)], wanted[wanted.size(0) - 1]), 1e-5);
      }
    }
  }
}

// A state is held for a prompt and for each answer that goes on, and for no other slot.
TEST(Hybrid, ACacheHoldsAStateForEachSequenceThatMayGoOn) {
  const auto model = load_fixture("qwen3_5");
  KvCache cache(*model, 60);
  RecurrentStates& states = *cache.states();
  const auto feed = [&](const Ids& tokens, const std::vector<Segment>& segments, const Ids& slots) {
    return model->hidden_cached(at::tensor(tokens), at::zeros({std::ssize(tokens)}, at::kLong), segments,
                                at::tensor(slots), cache, {});
  };
  feed({3, 4}, {{0, 2, {{0, 2}}}}, {0, 1});
  EXPECT_EQ(states.size(), 1);
  // Six answers: more rows than there are at first.
  std::vector<Segment> first, second;
  Ids tokens, slots, next;
  for (std::int32_t i = 0; i < 6; ++i) {
    first.push_back({i, i + 1, {{0, 2}, {10 + 5 * i, 11 + 5 * i}}});
    second.push_back({i, i + 1, {{0, 2}, {10 + 5 * i, 12 + 5 * i}}});
    tokens.push_back(i), slots.push_back(10 + 5 * i), next.push_back(11 + 5 * i);
  }
  feed(tokens, first, slots);
  EXPECT_EQ(states.size(), 7) << "the prompt's stays";
  feed(tokens, second, next);
  EXPECT_EQ(states.size(), 7) << "an answer's own goes on";
  EXPECT_THROW(feed(tokens, second, next), InternalError)
      << "the states behind the first tokens were taken over";
  states.keep({{0, 2}, {10, 15}});
  EXPECT_EQ(states.size(), 2);
  EXPECT_THROW(feed({1}, {{0, 1, {{0, 2}, {15, 18}}}}, {17}), InternalError) << "dropped";
  feed({5, 6}, {{0, 2, {{0, 2}}}}, {0, 1});
  EXPECT_EQ(states.size(), 2) << "another prompt in the first one's slots";
}

TEST(Hybrid, AllLinearIsEveryLinearAndTheConvolutionIsNone) {
  const auto model = load_fixture("lfm2");
  const auto targets = [&](const LoraSpec& spec) {
    return model->adapter_spec(model->add_adapter(spec, 1, false)).target_modules;
  };
  EXPECT_EQ(
      targets({.target_modules = {"all-linear"}}),
      (std::vector<std::string>{"in_proj", "out_proj", "w1", "w3", "w2", "q_proj", "k_proj", "v_proj"}));
  EXPECT_EQ(targets({}), (std::vector<std::string>{"q_proj", "v_proj", "in_proj", "out_proj"}));
  const auto delta = load_fixture("qwen3_5");
  EXPECT_EQ(
      delta->adapter_spec(delta->add_adapter({.target_modules = {"all-linear"}}, 1, false)).target_modules,
      (std::vector<std::string>{"in_proj_qkv", "in_proj_z", "in_proj_b", "in_proj_a", "out_proj", "gate_proj",
                                "up_proj", "down_proj", "q_proj", "k_proj", "v_proj", "o_proj"}));
  const std::string error = error_of([&] { targets({.target_modules = {"conv.conv"}}); });
  EXPECT_NE(error.find("matches no linear of the model"), std::string::npos) << error;
}

// bitsandbytes quantises linears: the convolution keeps its numbers.
TEST(Hybrid, AQuantisedBaseKeepsItsConvolutions) {
  ModelSpec spec = hybrid_spec();
  spec.hidden_size = 64, spec.intermediate_size = 96, spec.head_dim = 16;
  const Quantisation nf4{.kind = Quantisation::Kind::kNf4};
  Model plain(spec, 3, {}), quantised(spec, 3, {.quantise = nf4});
  std::int64_t numbers = 0;
  for (const auto& [name, tensor] : plain.named_tensors()) {
    const bool linear =
        tensor.dim() == 2 && name.find("embed") == std::string::npos && name != "lm_head.weight";
    numbers += linear ? tensor.numel() : 0;
  }
  EXPECT_EQ(quantised.quantised_numbers(), numbers);
  const LoraSpec lora{.r = 2, .target_modules = {"all-linear"}};
  const AdapterId adapter = add_perturbed_adapter(quantised, lora);
  const ForwardOptions options{.adapter = adapter, .training = true, .gradient_checkpointing = true};
  quantised.forward(pack(tiny_sequences()), {}, options).logp.sum().backward();
  for (const at::Tensor& gradient : take_gradients(quantised)) { EXPECT_TRUE(gradient.defined()); }
  const ModelMemory plan = plan_memory(spec, {.quantise = nf4, .adapter = lora});
  EXPECT_LT(plan.weights, plan_memory(spec, {.adapter = lora}).weights);
}

// Half of what attention of as many heads would keep of a token.
TEST(Hybrid, ACacheHoldsWhatTheConvolutionReads) {
  const ModelSpec spec = hybrid_spec();
  Model model(spec, 3, {});
  KvCache cache(model, 7);
  std::size_t bytes = 0;
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer) {
    bytes += cache.keys(layer).nbytes() + cache.values(layer).nbytes();
  }
  EXPECT_EQ(static_cast<double>(bytes), 7 * plan_memory(spec, {}).cache_per_token);
  EXPECT_EQ(cache.states(), nullptr);
}

TEST(Hybrid, AStateTakesWhatWasPlanned) {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    const auto model = load_fixture("qwen3_5", {.dtype = dtype});
    KvCache cache(*model, 1);
    double bytes = 0;
    for (const std::int64_t layer : {0, 2}) {
      const at::Tensor &recurrent = cache.states()->recurrent(layer), &tails = cache.states()->tails(layer);
      bytes += static_cast<double>(recurrent[0].nbytes() + tails[0].nbytes());
    }
    EXPECT_EQ(bytes, plan_memory(model->spec(), {.dtype = dtype}).state_per_sequence);
  }
}

}  // namespace
}  // namespace una::model
