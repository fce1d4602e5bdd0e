#include "una/model/model.h"

#include <gtest/gtest.h>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/zeros.h>

#include "una/base/error.h"
#include "una/base/testing.h"
#include "una/model/fixtures_testing.h"

namespace una::model {
namespace {

at::Tensor logps_of(Model& model, const PackedBatch& batch, const ForwardOptions& options = {}) {
  return model.forward(batch, {}, options).logp;
}

TEST(Model, PackedSequencesEqualEachOnItsOwn) {
  Model model(tiny_spec(), 5, {});
  std::vector<at::Tensor> alone;
  for (const Ids& ids : tiny_sequences()) { alone.push_back(logps_of(model, pack({ids}))); }
  EXPECT_LE(max_difference(logps_of(model, pack(tiny_sequences())), at::cat(alone)), 1e-5);
}

TEST(Model, ASharedPromptGivesTheSameLogProbsAndGradients) {
  const Ids prompt = {3, 17, 25, 9};
  const std::vector<Ids> answers = {{31, 8, 2}, {5, 6}, {31, 30, 29, 28}};
  std::vector<Ids> whole;
  for (const Ids& answer : answers) {
    whole.push_back(prompt);
    whole.back().insert(whole.back().end(), answer.begin(), answer.end());
  }
  for (const std::int64_t window : {0, 3}) {
    ModelSpec spec = tiny_spec();
    spec.windows = {window, 0};
    Model model(spec, 5, {.train_full = true});
    const at::Tensor apart = logps_of(model, pack(whole, prompt.size()));
    apart.square().sum().backward();
    const auto apart_gradients = take_gradients(model);
    const at::Tensor shared = logps_of(model, pack_shared(prompt, answers));
    shared.square().sum().backward();
    const auto shared_gradients = take_gradients(model);
    EXPECT_LE(max_difference(shared.detach(), apart.detach()), 1e-5);
    for (std::size_t i = 0; i < apart_gradients.size(); ++i) {
      EXPECT_LE(relative_difference(shared_gradients[i], apart_gradients[i]), 1e-5);
    }
  }
}

TEST(Model, AWindowHidesTokensBeforeItAndOnlyThose) {
  ModelSpec spec = tiny_spec({.layers = 1});
  spec.windows = {3};
  Model model(spec, 5, {});
  const auto last_state = [&](const Ids& ids) {
    const PackedBatch batch = pack({ids});
    return model.hidden(batch.tokens, batch.positions, batch.segments, {})
        .narrow(0, static_cast<std::int64_t>(ids.size()) - 1, 1);
  };
  const Ids ids = {1, 2, 3, 4, 5, 6};
  Ids outside = ids, inside = ids;
  outside[2] = 30;  // three before the last: one too far
  inside[3] = 30;
  EXPECT_EQ(max_difference(last_state(ids), last_state(outside)), 0);
  EXPECT_GT(max_difference(last_state(ids), last_state(inside)), 1e-3);
}

TEST(Model, KeysFromACacheGiveTheStatesOfTheWholeSequence) {
  ModelSpec spec = tiny_spec();
  spec.windows = {0, 4};
  Model model(spec, 5, {});
  const Ids ids = tiny_sequences()[2];
  const PackedBatch batch = pack({ids});
  const at::Tensor whole = model.hidden(batch.tokens, batch.positions, batch.segments, {});
  KvCache cache(model, 32);
  // The prompt's six tokens are at slots 20.., the rest one by one at slots 3..
  const auto part = [&](std::int64_t first, std::int64_t count, std::int32_t slot,
                        std::vector<KeyRange> keys) {
    const at::Tensor slots = at::arange(slot, slot + count, at::kLong);
    const Segment segment{0, static_cast<std::int32_t>(count), std::move(keys)};
    return model.hidden_cached(batch.tokens.narrow(0, first, count), batch.positions.narrow(0, first, count),
                               {segment}, slots, cache, {});
  };
  std::vector<at::Tensor> states = {part(0, 6, 20, {{20, 26}})};
  for (std::int32_t i = 6; i < 11; ++i) { states.push_back(part(i, 1, i - 3, {{20, 26}, {3, i - 2}})); }
  EXPECT_LE(max_difference(at::cat(states), whole), 1e-5);
}

TEST(Model, LogitsAndTheLogProbPrimitiveAgree) {
  Model model(tiny_spec(), 5, {});
  const PackedBatch batch = pack(tiny_sequences());
  const at::Tensor states = model.hidden(batch.tokens, batch.positions, batch.segments, {});
  const at::Tensor logits = model.logits(states.index_select(0, batch.logp_rows), kNoAdapter);
  EXPECT_EQ(logits.scalar_type(), at::kFloat);
  const at::Tensor logps = at::log_softmax(logits, -1).gather(1, batch.logp_targets.unsqueeze(1)).squeeze(1);
  EXPECT_LE(max_difference(logps, logps_of(model, batch)), 1e-5);
}

TEST(Model, StatisticsAndTemperatureComeWhenAsked) {
  Model model(tiny_spec(), 5, {});
  const PackedBatch batch = pack(tiny_sequences());
  const PolicyOutput plain = model.forward(batch, {}, {});
  EXPECT_FALSE(plain.entropy.defined() || plain.greedy.defined() || plain.score.defined());
  const PolicyOutput all = model.forward(batch, {.statistics = true, .temperature = 0.5}, {});
  EXPECT_EQ(all.entropy.size(0), batch.num_logps());
  EXPECT_EQ(all.greedy.scalar_type(), at::kBool);
  EXPECT_GT(max_difference(all.logp, plain.logp), 1e-3);
}

TEST(Model, Bf16StaysNearFp32) {
  Model wide(tiny_spec(), 5, {});
  Model narrow(tiny_spec(), 5, {.dtype = at::kBFloat16});
  const PackedBatch batch = pack(tiny_sequences());
  const at::Tensor logps = logps_of(narrow, batch);
  EXPECT_EQ(logps.scalar_type(), at::kFloat);
  EXPECT_EQ(narrow.dtype(), at::kBFloat16);
  const at::Tensor difference = logps.sub(logps_of(wide, batch)).abs();
  EXPECT_LE(difference.mean().item<double>(), 0.05);
  EXPECT_GT(difference.max().item<double>(), 0);
}

TEST(Model, ASeedGivesOneModelAndAnotherSeedAnother) {
  Model first(tiny_spec(), 5, {}), again(tiny_spec(), 5, {}), other(tiny_spec(), 6, {});
  const auto a = first.named_tensors(), b = again.named_tensors(), c = other.named_tensors();
  for (std::size_t i = 0; i < a.size(); ++i) { EXPECT_TRUE(a[i].second.equal(b[i].second)) << a[i].first; }
  EXPECT_FALSE(a[0].second.equal(c[0].second));
  EXPECT_NEAR(a[0].second.std().item<double>(), 0.3, 0.03);
  EXPECT_TRUE(a.back().second.sizes() == a[0].second.sizes());  // lm_head as well as the embedding
}

TEST(Model, ATokenOutsideTheVocabularyIsTheUsersError) {
  Model model(tiny_spec(), 5, {});
  EXPECT_THROW(logps_of(model, pack({{1, 2, 40}})), InputError);
  EXPECT_THROW(logps_of(model, pack({{1, -1, 3}})), InputError);
  EXPECT_NO_THROW(logps_of(model, pack({{1, 39, 3}})));  // the last row, used by no tokenizer perhaps
}

// The optimiser moves masters into its flat buffer and changes them there.
TEST(Model, ReboundMastersChangeTheModelAfterRefresh) {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    Model model(tiny_spec(), 5, {.dtype = dtype, .train_full = true});
    const PackedBatch batch = pack(tiny_sequences());
    const at::Tensor before = logps_of(model, batch).detach();
    std::int64_t total = 0;
    for (const TrainableTensor& tensor : model.trainable()) { total += tensor.master.numel(); }
    const at::Tensor flat = at::zeros({total}, at::kFloat);
    std::int64_t begin = 0;
    for (TrainableTensor& tensor : model.trainable()) {
      const at::Tensor slice = flat.narrow(0, begin, tensor.master.numel()).view(tensor.master.sizes());
      begin += tensor.master.numel();
      slice.copy_(tensor.master.detach());
      tensor.master.set_data(slice);
    }
    EXPECT_TRUE(logps_of(model, batch).detach().equal(before));
    flat.mul_(0.5);
    model.refresh();
    const at::Tensor after = logps_of(model, batch);
    EXPECT_GT(max_difference(after.detach(), before), 1e-2);
    after.sum().backward();
    // Every tensor must have followed: a model built from the halved values gives the same.
    weights::StateDict halved;
    for (const auto& [name, tensor] : model.named_tensors()) { halved.add(name, tensor); }
    Model rebuilt(tiny_spec(), halved, {.dtype = dtype}, "halved");
    EXPECT_TRUE(logps_of(rebuilt, batch).equal(after.detach()));
    for (const at::Tensor& gradient : take_gradients(model)) { EXPECT_TRUE(gradient.defined()); }
  }
}

TEST(Model, NormsAndBiasesDoNotDecay) {
  const auto model = load_fixture("qwen2", {.train_full = true});
  std::size_t kept = 0;
  for (const TrainableTensor& tensor : model->trainable()) {
    const bool matrix = tensor.master.dim() == 2;
    EXPECT_EQ(tensor.decay, matrix) << tensor.name;
    kept += matrix ? 0 : 1;
  }
  EXPECT_EQ(kept, 2 * 5 + 1);  // a layer: two norms, three biases
}

TEST(Model, ARewardHeadCanBeAddedAndTrained) {
  Model model(tiny_spec(), 5, {});
  EXPECT_TRUE(model.trainable().empty());
  const PackedBatch batch = pack(tiny_sequences());
  EXPECT_THROW(model.forward(batch, {.logp = false, .score = true}, {}), InternalError);
  model.add_reward_head(3);
  ASSERT_EQ(model.trainable().size(), 1U);
  EXPECT_EQ(model.trainable()[0].name, "score.weight");
  EXPECT_EQ(model.spec().num_labels, 1);
  const at::Tensor scores = model.forward(batch, {.logp = false, .score = true}, {}).score;
  const at::Tensor states = model.hidden(batch.tokens, batch.positions, batch.segments, {});
  const at::Tensor expected =
      states.index_select(0, batch.last_rows).mv(model.trainable()[0].master.detach().squeeze(0));
  EXPECT_LE(max_difference(scores.detach(), expected), 1e-6);
  scores.sum().backward();
  EXPECT_TRUE(model.trainable()[0].master.grad().defined());
  bool head = false, score = false;
  for (const auto& [name, tensor] : model.named_tensors()) {
    head = head || name == "lm_head.weight";
    score = score || name == "score.weight";
  }
  EXPECT_TRUE(score);
  EXPECT_FALSE(head) << "a reward model's file has no lm_head";
}

}  // namespace
}  // namespace una::model
