// Compares adapters of every kind with results recorded from PEFT (tests/parity/adapter_fixtures.py).
#include <algorithm>
#include <filesystem>
#include <set>

#include <gtest/gtest.h>

#include <ATen/core/grad_mode.h>

#include "una/base/testing.h"
#include "una/model/fixtures_testing.h"
#include "una/weights/peft_adapter.h"

namespace una::model {
namespace {

constexpr double kLogpTolerance = 1e-5, kGradientTolerance = 1e-4;

std::string case_folder(const std::string& name) { return fixture_folder("../adapters/" + name); }

std::vector<std::string> recorded_cases() {
  std::vector<std::string> out;
  for (const auto& folder : std::filesystem::directory_iterator(case_folder(""))) {
    out.push_back(folder.path().filename().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

struct Case {
  explicit Case(const std::string& name, bool trainable, const LoadOptions& options = {})
      : spec(weights::read_adapter_config(case_folder(name))),
        model(load_fixture(spec.base_model_name_or_path, options)),
        file(weights::read_adapter_weights(case_folder(name))),
        adapter(model->load_adapter(spec, file, trainable, name)),
        reference(weights::read_safetensors(case_folder(name) + "/reference.safetensors")),
        batch(pack(recorded_ids(reference))) {}
  at::Tensor logps(AdapterId id, const ForwardOptions& options = {}) {
    ForwardOptions call = options;
    call.adapter = id;
    return model->forward(batch, {}, call).logp;
  }
  LoraSpec spec;
  std::unique_ptr<Model> model;
  weights::StateDict file;
  AdapterId adapter;
  weights::StateDict reference;
  PackedBatch batch;
};

class AdapterParity : public testing::TestWithParam<std::string> {};

TEST_P(AdapterParity, LogProbsAndEveryGradientEqualPeft) {
  for (const bool checkpointing : {false, true}) {
    Case c(GetParam(), true);
    const at::Tensor logps = c.logps(c.adapter, {.gradient_checkpointing = checkpointing});
    EXPECT_LE(max_difference(logps.detach(), recorded(c.reference, "logps")), kLogpTolerance);
    logps.sum().backward();
    std::set<std::string> trained;
    for (const TrainableTensor& tensor : c.model->trainable()) {
      ASSERT_TRUE(c.reference.has("grad." + tensor.name)) << tensor.name;
      ASSERT_TRUE(tensor.master.grad().defined()) << tensor.name;
      EXPECT_EQ(tensor.adapter, c.adapter);
      EXPECT_LE(relative_difference(tensor.master.grad(), c.reference.at("grad." + tensor.name)),
                kGradientTolerance)
          << tensor.name;
      trained.insert(tensor.name);
    }
    EXPECT_EQ(trained.size(), c.file.size()) << "all that the file holds trains";
  }
}

// Without a gradient, as the reference, scoring and generation call it; the base is unchanged.
TEST_P(AdapterParity, AFrozenOneAndItsCloneAgreeAndTheBaseIsUntouched) {
  Case c(GetParam(), false);
  const at::Tensor wanted = recorded(c.reference, "logps");
  EXPECT_LE(max_difference(c.logps(c.adapter), wanted), kLogpTolerance);
  EXPECT_FALSE(c.logps(c.adapter).requires_grad());
  EXPECT_TRUE(c.logps(c.model->clone_adapter(c.adapter)).equal(c.logps(c.adapter)));
  const auto bare = load_fixture(c.spec.base_model_name_or_path);
  EXPECT_TRUE(c.logps(kNoAdapter).equal(bare->forward(c.batch, {}, {}).logp));
  EXPECT_GT(max_difference(c.logps(kNoAdapter), wanted), 1e-2);
}

TEST_P(AdapterParity, MergedItSaysTheSame) {
  Case c(GetParam(), false);
  weights::StateDict merged;
  for (const auto& [name, tensor] : c.model->merged_tensors(c.adapter, at::kFloat)) {
    merged.add(name, tensor);
  }
  Model plain(c.model->spec(), merged, {}, "merged");
  EXPECT_LE(max_difference(plain.forward(c.batch, {}, {}).logp, recorded(c.reference, "logps")), 1e-5);
}

TEST_P(AdapterParity, GreedyTokensFromTheCacheAreThoseOfTheMergedModel) {
  Case c(GetParam(), false);
  weights::StateDict merged;
  for (const auto& [name, tensor] : c.model->merged_tensors(c.adapter, at::kFloat)) {
    merged.add(name, tensor);
  }
  Model plain(c.model->spec(), merged, {}, "merged");
  const auto decode = [](Model& model, AdapterId adapter) {
    constexpr std::int64_t kLength = 7;  // phi3's frequencies stay the same below 8
    KvCache cache(model, kLength);
    Ids ids = {3, 17, 25};
    for (std::int64_t cached = 0; std::ssize(ids) < kLength;) {
      const auto count = static_cast<std::int64_t>(ids.size());
      const at::Tensor places = at::arange(cached, count, at::kLong);
      const auto queries = static_cast<std::int32_t>(count - cached), keys = static_cast<std::int32_t>(count);
      const at::Tensor states =
          model.hidden_cached(at::tensor(Ids(ids.begin() + cached, ids.end())), places,
                              {{0, queries, {{0, keys}}}}, places, cache, {.adapter = adapter});
      cached = count;
      ids.push_back(model.logits(states.narrow(0, queries - 1, 1), adapter).argmax().item<std::int64_t>());
    }
    return ids;
  };
  EXPECT_EQ(decode(*c.model, c.adapter), decode(plain, kNoAdapter));
}

TEST_P(AdapterParity, WrittenAgainItHasPeftsNamesValuesAndMeaning) {
  Case c(GetParam(), true);
  const std::string folder = test_folder("written-" + GetParam());
  weights::write_adapter(folder, c.model->adapter_spec(c.adapter), c.model->adapter_tensors(c.adapter));
  const weights::StateDict written = weights::read_adapter_weights(folder);
  ASSERT_EQ(written.names(), c.file.names());
  for (const auto& [name, tensor] : c.file.all()) { EXPECT_TRUE(written.at(name).equal(tensor)) << name; }
  const LoraSpec spec = weights::read_adapter_config(folder);
  const AdapterId again = c.model->load_adapter(spec, written, false, folder);
  EXPECT_TRUE(c.logps(again).equal(c.logps(c.adapter).detach()));
}

INSTANTIATE_TEST_SUITE_P(Cases, AdapterParity, testing::ValuesIn(recorded_cases()),
                         [](const auto& param) { return param.param; });

TEST(AdapterParity, TheCasesAreThere) { EXPECT_GE(recorded_cases().size(), 9U); }

// Adapters of other shapes and kinds on one model: each gives the same results as alone, in any order of
// calls, also after another has trained.
TEST(AdapterParity, SeveralAdaptersOfOneModelDoNotMeet) {
  const std::vector<std::string> names = {"dora", "patterns", "saved"};  // all of llama
  std::vector<at::Tensor> alone;
  for (const std::string& name : names) {
    Case c(name, false);
    alone.push_back(c.logps(c.adapter));
  }
  const auto model = load_fixture("llama");
  std::vector<AdapterId> ids;
  std::vector<PackedBatch> batches;
  for (const std::string& name : names) {
    Case c(name, false);
    ids.push_back(model->load_adapter(c.spec, c.file, true, name));
    batches.push_back(c.batch);
  }
  const auto expect_alone = [&](std::size_t i) {
    EXPECT_TRUE(model->forward(batches[i], {}, {.adapter = ids[i]}).logp.detach().equal(alone[i]))
        << names[i];
  };
  for (const std::size_t i : {2U, 0U, 1U, 0U, 2U}) { expect_alone(i); }
  model->forward(batches[0], {}, {.adapter = ids[0]}).logp.sum().backward();
  for (TrainableTensor& tensor : model->trainable()) {
    EXPECT_EQ(tensor.master.grad().defined(), tensor.adapter == ids[0]) << tensor.name;
    if (tensor.adapter == ids[0]) { tensor.master.set_data(tensor.master.detach().mul(1.5)); }
  }
  model->refresh();
  for (const std::size_t i : {1U, 2U}) { expect_alone(i); }
  EXPECT_GT(max_difference(model->forward(batches[0], {}, {.adapter = ids[0]}).logp.detach(), alone[0]),
            1e-2);
}

}  // namespace
}  // namespace una::model
