// Compares results with those recorded from transformers and PEFT (tests/parity/model_fixtures.py).
#include <algorithm>
#include <filesystem>

#include <gtest/gtest.h>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/zeros_like.h>

#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/kernels/adamw.h"
#include "una/model/fixtures_testing.h"
#include "una/model/rope_table.h"
#include "una/weights/peft_adapter.h"

namespace una::model {
namespace {

constexpr double kLogpTolerance = 1e-5, kGradientTolerance = 1e-4;

weights::StateDict reference_of(const std::string& name) {
  return weights::read_safetensors(fixture_folder(name) + "/reference.safetensors");
}

void expect_gradients(Model& model, const weights::StateDict& reference) {
  std::size_t compared = 0;
  for (const TrainableTensor& tensor : model.trainable()) {
    ASSERT_TRUE(reference.has("grad." + tensor.name)) << tensor.name;
    ASSERT_TRUE(tensor.master.grad().defined()) << tensor.name;
    EXPECT_LE(relative_difference(tensor.master.grad(), reference.at("grad." + tensor.name)),
              kGradientTolerance)
        << tensor.name;
    ++compared;
  }
  std::size_t recorded_gradients = 0;
  for (const std::string& name : reference.names()) {
    recorded_gradients += name.rfind("grad.", 0) == 0 ? 1 : 0;
  }
  EXPECT_EQ(compared, recorded_gradients);
}

// Every folder of tests/data/models with an adapter: one tiny model per family or variant.
std::vector<std::string> recorded_models() {
  std::vector<std::string> out;
  for (const auto& folder : std::filesystem::directory_iterator(fixture_folder(""))) {
    if (std::filesystem::exists(folder.path() / "adapter.safetensors")) {
      out.push_back(folder.path().filename().string());
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

class Parity : public testing::TestWithParam<std::string> {};

TEST_P(Parity, LogProbsAndEveryGradientEqualTransformers) {
  const weights::StateDict reference = reference_of(GetParam());
  const auto model = load_fixture(GetParam(), {.train_full = true, .train_router = true});
  const PackedBatch batch = pack(recorded_ids(reference));
  const at::Tensor logps = model->forward(batch, {}, {}).logp;
  EXPECT_LE(max_difference(logps.detach(), recorded(reference, "logps")), kLogpTolerance);
  logps.sum().backward();
  expect_gradients(*model, reference);
}

TEST_P(Parity, FrozenWeightsGiveTheSameLogProbsWithoutHistory) {
  const weights::StateDict reference = reference_of(GetParam());
  const auto model = load_fixture(GetParam());
  const at::Tensor logps = model->forward(pack(recorded_ids(reference)), {}, {}).logp;
  EXPECT_FALSE(logps.requires_grad());
  EXPECT_LE(max_difference(logps, recorded(reference, "logps")), kLogpTolerance);
}

TEST_P(Parity, GenerationsLogitsGiveTheSameLogProbs) {
  const weights::StateDict reference = reference_of(GetParam());
  const auto model = load_fixture(GetParam());
  const PackedBatch batch = pack(recorded_ids(reference));
  const at::Tensor states = model->hidden(batch.tokens, batch.positions, batch.segments, {});
  const at::Tensor logps =
      at::log_softmax(model->logits(states.index_select(0, batch.logp_rows), kNoAdapter), -1);
  const at::Tensor chosen = logps.gather(1, batch.logp_targets.unsqueeze(1)).squeeze(1);
  EXPECT_LE(max_difference(chosen, recorded(reference, "logps")), kLogpTolerance);
}

Ids greedy_without_cache(Model& model, Ids ids, std::size_t size) {
  while (ids.size() < size) {
    const PackedBatch batch = pack({ids});
    const at::Tensor states = model.hidden(batch.tokens, batch.positions, batch.segments, {});
    ids.push_back(
        model.logits(states.narrow(0, states.size(0) - 1, 1), kNoAdapter).argmax().item<std::int64_t>());
  }
  return ids;
}

Ids greedy_with_cache(Model& model, Ids ids, std::size_t size) {
  KvCache cache(model, static_cast<std::int64_t>(size));
  std::int64_t cached = 0;
  while (ids.size() < size) {
    const auto count = static_cast<std::int64_t>(ids.size());
    const at::Tensor places = at::arange(cached, count, at::kLong);
    const auto queries = static_cast<std::int32_t>(count - cached), keys = static_cast<std::int32_t>(count);
    const at::Tensor states = model.hidden_cached(at::tensor(Ids(ids.begin() + cached, ids.end())), places,
                                                  {{0, queries, {{0, keys}}}}, places, cache, {});
    cached = count;
    ids.push_back(model.logits(states.narrow(0, queries - 1, 1), kNoAdapter).argmax().item<std::int64_t>());
  }
  return ids;
}

// transformers' dynamic rope leaves the cached keys as the shorter sequence rotated them; phi3 recomputes a
// sequence when it becomes long. Everywhere else a cache changes nothing.
TEST_P(Parity, GreedyTokensEqualTransformersWithACacheOrWithout) {
  const weights::StateDict reference = reference_of(GetParam());
  const auto model = load_fixture(GetParam());
  const Ids expected = ids_of(reference.at("greedy"));
  const Ids prompt(expected.begin(), expected.begin() + 4);
  if (model->spec().rope.type != "dynamic") {
    EXPECT_EQ(greedy_without_cache(*model, prompt, expected.size()), expected);
  }
  if (!model->spec().recompute_at_long_rope) {
    EXPECT_EQ(greedy_with_cache(*model, prompt, expected.size()), expected);
  }
}

struct Trained {
  at::Tensor master, first, second;
  std::string name;
};

std::vector<Trained> start(Model& model) {
  std::vector<Trained> out;
  for (const TrainableTensor& tensor : model.trainable()) {
    out.push_back({tensor.master, at::zeros_like(tensor.master), at::zeros_like(tensor.master), tensor.name});
  }
  return out;
}

// The loss before each of ten AdamW steps on every parameter agrees within 1e-4.
TEST_P(Parity, TenTrainingStepsFollowTransformersLossCurve) {
  const weights::StateDict reference = reference_of(GetParam());
  const auto model = load_fixture(GetParam(), {.train_full = true, .train_router = true});
  const PackedBatch batch = pack(recorded_ids(reference));
  const at::Tensor expected = reference.at("curve");
  std::vector<Trained> trained = start(*model);
  for (std::int64_t step = 0; step < expected.numel(); ++step) {
    const at::Tensor loss = model->forward(batch, {}, {}).logp.mean().neg();
    const double wanted = expected[step].item<double>();
    EXPECT_NEAR(loss.item<double>(), wanted, 1e-4 * wanted) << "step " << step;
    loss.backward();
    const at::NoGradGuard no_grad;
    for (Trained& each : trained) {
      at::Tensor values = each.master.detach();
      const at::Tensor grad = each.master.grad();  // undefined for an expert that no token chose
      kernels::adamw_step(
          values, grad.defined() ? grad : at::zeros_like(values), each.first, each.second,
          {.learning_rate = 0.01, .beta2 = 0.99, .epsilon = 1e-6, .weight_decay = 0.01, .step = step + 1});
      each.master.mutable_grad() = at::Tensor();
    }
    model->refresh();
  }
  EXPECT_LT(expected[-1].item<double>(), 0.8 * expected[0].item<double>()) << "the curve must move";
}

TEST_P(Parity, AdapterLogProbsAndGradientsEqualPeft) {
  const std::string name = GetParam(), folder = fixture_folder(name + "/adapter");
  const weights::StateDict reference =
      weights::read_safetensors(fixture_folder(name + "/adapter.safetensors"));
  const auto model = load_fixture(name);
  const AdapterId adapter = model->load_adapter(weights::read_adapter_config(folder),
                                                weights::read_adapter_weights(folder), true, "adapter");
  const PackedBatch batch = pack(recorded_ids(reference));
  const at::Tensor logps = model->forward(batch, {}, {.adapter = adapter}).logp;
  EXPECT_LE(max_difference(logps.detach(), recorded(reference, "logps")), kLogpTolerance);
  logps.sum().backward();
  expect_gradients(*model, reference);
}

TEST_P(Parity, AMergedAdapterGivesTheAdaptersLogProbs) {
  const std::string name = GetParam(), folder = fixture_folder(name + "/adapter");
  const auto model = load_fixture(name);
  const AdapterId adapter = model->load_adapter(weights::read_adapter_config(folder),
                                                weights::read_adapter_weights(folder), false, "adapter");
  weights::StateDict merged;
  for (auto& [tensor_name, tensor] : model->merged_tensors(adapter, at::kFloat)) {
    merged.add(tensor_name, tensor);
  }
  Model plain(model->spec(), merged, {}, "merged");
  const PackedBatch batch = pack(recorded_ids(reference_of(name)));
  const at::Tensor wanted = model->forward(batch, {}, {.adapter = adapter}).logp;
  EXPECT_LE(max_difference(plain.forward(batch, {}, {}).logp, wanted), 5e-5);
}

INSTANTIATE_TEST_SUITE_P(Families, Parity, testing::ValuesIn(recorded_models()),
                         [](const auto& param) { return param.param; });

TEST(Parity, TheModelsAreThere) { EXPECT_GE(recorded_models().size(), 31U); }

TEST(Parity, RewardScoresAndEveryGradientEqualTransformers) {
  const weights::StateDict reference = reference_of("reward");
  const auto model = load_fixture("reward", {.train_full = true, .train_router = true});
  EXPECT_TRUE(model->has_reward_head());
  const PackedBatch batch = pack(recorded_ids(reference));
  const at::Tensor scores = model->forward(batch, {.logp = false, .score = true}, {}).score;
  EXPECT_EQ(scores.scalar_type(), at::kFloat);
  EXPECT_LE(max_difference(scores.detach(), recorded(reference, "score")), kLogpTolerance);
  scores.sum().backward();
  expect_gradients(*model, reference);
}

// A prompt shared by two sequences, of which only one uses the longer frequencies, is computed once for
// each.
TEST(Parity, ASharedPromptTakesTheFrequenciesOfEachSequence) {
  for (const char* name : {"phi3", "llama_dynamic"}) {
    const auto model = load_fixture(name, {.train_full = true, .train_router = true});
    const Ids prompt = {3, 17, 25, 31, 8}, short_answer = {2, 39}, long_answer = {11, 4, 9, 30, 1, 6};
    PackedBatch shared = pack_shared(prompt, {short_answer, long_answer});
    shared.sequences.resize(2);
    shared.sequences[0].logp_end = shared.sequences[1].logp_begin = 2;
    shared.sequences[1].logp_end = 8;
    std::vector<Ids> whole = {prompt, prompt};
    whole[0].insert(whole[0].end(), short_answer.begin(), short_answer.end());
    whole[1].insert(whole[1].end(), long_answer.begin(), long_answer.end());
    const at::Tensor wanted = model->forward(pack(whole, prompt.size()), {}, {}).logp;
    const PolicyWants wants{.state_rows = at::tensor(Ids{4, 12})};
    const PolicyOutput got = model->forward(shared, wants, {});
    EXPECT_LE(max_difference(got.logp.detach(), wanted.detach()), 1e-5) << name;
    EXPECT_EQ(got.states.size(0), 2);
    got.logp.sum().backward();
    const std::vector<at::Tensor> gradients = take_gradients(*model);
    wanted.sum().backward();
    const std::vector<at::Tensor> plain = take_gradients(*model);
    for (std::size_t i = 0; i < plain.size(); ++i) {
      EXPECT_LE(relative_difference(gradients[i], plain[i]), 1e-5) << name << " " << i;
    }
  }
}

// Frequencies, attention factor and the angles of the last position for every kind of rope, at lengths around
// the bounds where they change.
TEST(Parity, RopeOfEveryKindAndLengthEqualsTransformers) {
  const weights::StateDict reference = weights::read_safetensors(fixture_folder("ropes/ropes.safetensors"));
  int cases = 0;
  for (const std::string& name : reference.names()) {
    if (!ends_with(name, ".frequencies")) { continue; }
    const std::size_t dot = name.find('.');
    const std::string kind = name.substr(0, dot), place = name.substr(0, name.rfind('.'));
    const std::int64_t length = std::stoll(name.substr(dot + 1));
    const std::string path = fixture_folder("ropes/" + kind + ".json");
    const ModelSpec spec = weights::parse_model_spec(read_file(path), path);
    const RopeFrequencies got = rope_frequencies(spec.rope, spec.head_dim, spec.max_positions,
                                                 rope_variant(spec.rope, spec.max_positions, length));
    EXPECT_LE(max_difference(at::tensor(got.values), reference.at(name)), 1e-7) << name;
    EXPECT_NEAR(got.attention_factor, reference.at(place + ".attention_factor").item<double>(), 1e-7) << name;
    RopeTable table(spec.rope, spec.head_dim, spec.max_positions);
    const auto [cos, sin] = table.rows(at::tensor(Ids{length - 1}), {length});
    EXPECT_LE(max_difference(cos[0], reference.at(place + ".cos")), 2e-5) << name;
    EXPECT_LE(max_difference(sin[0], reference.at(place + ".sin")), 2e-5) << name;
    ++cases;
  }
  EXPECT_EQ(cases, 60);
}

}  // namespace
}  // namespace una::model
