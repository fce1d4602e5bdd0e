// A quantised base: values as bitsandbytes', and a model that computes as its expanded weights would.
#include <gtest/gtest.h>

#include <ATen/core/grad_mode.h>

#include "una/base/test_data.h"
#include "una/kernels/packed/expand.h"
#include "una/kernels/packed/quantise.h"
#include "una/model/fixtures_testing.h"
#include "una/model/model_memory.h"

namespace una::model {
namespace {

const Quantisation kNf4{.kind = Quantisation::Kind::kNf4};
const Quantisation kSingle{.kind = Quantisation::Kind::kNf4, .nested = false};
const Quantisation kInt8{.kind = Quantisation::Kind::kInt8};
const LoraSpec kLora{.r = 3, .target_modules = {"all-linear"}};
const LoraSpec kDora{.r = 3, .use_dora = true, .target_modules = {"all-linear"}};

weights::StateDict recorded_by_bitsandbytes() {
  return weights::read_safetensors((test_data() / "quantised" / "bitsandbytes.safetensors").string());
}

TEST(Quantised, CodesScalesAndValuesAreThoseOfBitsandbytes) {
  const weights::StateDict file = recorded_by_bitsandbytes();
  for (const std::string name : {"whole", "odd", "zeros", "many"}) {
    const at::Tensor& weight = file.at(name + ".weight");
    const auto expect_equal = [&](const at::Tensor& found, const std::string& what) {
      EXPECT_TRUE(found.equal(file.at(name + what))) << name << what;
    };
    const PackedMatrix nested = kernels::quantise(weight, kNf4);
    EXPECT_TRUE(nested.map.equal(file.at("map")));
    EXPECT_TRUE(nested.nested_map.equal(file.at("nested_map")));
    expect_equal(nested.codes, ".nf4.codes");
    expect_equal(nested.nested_codes, ".nf4.absmax");
    expect_equal(nested.nested_absmax, ".nf4.nested_absmax");
    EXPECT_EQ(nested.offset, file.at(name + ".nf4.offset").item<float>());
    expect_equal(kernels::expanded(nested), ".nf4.values");
    const PackedMatrix single = kernels::quantise(weight, kSingle), rows = kernels::quantise(weight, kInt8);
    expect_equal(single.codes, ".single.codes");
    expect_equal(single.absmax, ".single.absmax");
    expect_equal(rows.codes, ".int8.codes");
    expect_equal(rows.absmax, ".int8.absmax");
    if (name == "many") { continue; }
    expect_equal(kernels::expanded(single), ".single.values");
    expect_equal(kernels::expanded(rows), ".int8.values");
  }
}

// A model that is wide enough for several blocks a row.
ModelSpec wide_spec() {
  return tiny_spec({.hidden = 72, .intermediate = 136, .heads = 4, .kv_heads = 2, .head_dim = 18});
}

// The same numbers in an ordinary model.
std::unique_ptr<Model> expanded_model(const Model& quantised) {
  weights::StateDict weights;
  for (const auto& [name, tensor] : quantised.named_tensors()) { weights.add(name, tensor); }
  return std::make_unique<Model>(quantised.spec(), weights, LoadOptions{.dtype = quantised.dtype()},
                                 "expanded");
}

struct Passed {
  at::Tensor logp;
  std::vector<at::Tensor> gradients;
};

Passed pass(Model& model, const LoraSpec& spec, bool checkpointing) {
  const AdapterId adapter = add_perturbed_adapter(model, spec);
  const ForwardOptions options{
      .adapter = adapter, .training = true, .gradient_checkpointing = checkpointing, .dropout_key = 4};
  Passed out{model.forward(pack(tiny_sequences()), {}, options).logp, {}};
  out.logp.sum().backward();
  out.gradients = take_gradients(model);
  model.remove_adapter(adapter);
  return out;
}

TEST(Quantised, PassesAreBitForBitThoseOfTheExpandedWeights) {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    for (const Quantisation& how : {kNf4, kSingle, kInt8}) {
      Model quantised(wide_spec(), 5, {.dtype = dtype, .quantise = how});
      const std::unique_ptr<Model> plain = expanded_model(quantised);
      const PackedBatch batch = pack(tiny_sequences());
      const at::Tensor base = quantised.forward(batch, {}, {}).logp;
      EXPECT_TRUE(base.equal(plain->forward(batch, {}, {}).logp));
      LoraSpec dropping = kLora;
      dropping.dropout = 0.25;
      for (const LoraSpec& spec : {kLora, kDora, dropping}) {
        for (const bool checkpointing : {false, true}) {
          const Passed a = pass(quantised, spec, checkpointing), b = pass(*plain, spec, checkpointing);
          EXPECT_TRUE(a.logp.equal(b.logp));
          ASSERT_EQ(a.gradients.size(), b.gradients.size());
          for (std::size_t i = 0; i < a.gradients.size(); ++i) {
            EXPECT_TRUE(a.gradients[i].equal(b.gradients[i])) << i;
          }
        }
      }
    }
  }
}

TEST(Quantised, GradientsAreThoseOfCentralDifferences) {
  constexpr double kStep = 1e-5;
  for (const LoraSpec& spec : {kLora, kDora}) {
    Model model(wide_spec(), 5, {.dtype = at::kDouble, .quantise = kNf4});
    const AdapterId adapter = add_perturbed_adapter(model, spec);
    const auto loss = [&] {
      return model.forward(pack(tiny_sequences()), {}, {.adapter = adapter}).logp.sum();
    };
    loss().backward();
    const std::vector<at::Tensor> gradients = take_gradients(model);
    std::vector<TrainableTensor> tensors = model.trainable();
    const at::NoGradGuard no_grad;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      const std::int64_t at = static_cast<std::int64_t>(i) * 31 % tensors[i].master.numel();
      auto* value = tensors[i].master.detach().view(-1).mutable_data_ptr<double>() + at;
      const double original = *value;
      const auto at_offset = [&](double offset) {  // without a refresh: DoRA's norms are constants
        *value = original + offset;
        return loss().item<double>();
      };
      const double found = gradients[i].view(-1)[at].item<double>();
      const double difference = (at_offset(kStep) - at_offset(-kStep)) / (2 * kStep);
      *value = original;
      EXPECT_NEAR(found, difference, 1e-6 * std::max(1.0, std::abs(difference))) << tensors[i].name;
    }
  }
}

TEST(Quantised, OnlyTheLayersMatricesAreQuantised) {
  const Model plain(wide_spec(), 5, {}), model(wide_spec(), 5, {.quantise = kNf4});
  const auto before = plain.named_tensors(), after = model.named_tensors();
  ASSERT_EQ(before.size(), after.size());
  std::int64_t numbers = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    const auto& [name, tensor] = before[i];
    const bool matrix = name.find("_proj.weight") != std::string::npos;
    EXPECT_EQ(after[i].second.equal(tensor), !matrix) << name;
    if (matrix) { numbers += tensor.numel(); }
  }
  EXPECT_GT(numbers, 0);
  EXPECT_EQ(plain.quantised_bytes(), 0);
  EXPECT_LE(model.quantised_bytes(), numbers * 6 / 10 + 14 * 1100);  // each of 14 has its maps
  EXPECT_EQ(model.frozen_like().quantise.kind, Quantisation::Kind::kNf4);
}

TEST(Quantised, ThePlanCountsItsBytes) {
  for (const Quantisation& how : {kNf4, kSingle, kInt8}) {
    const Model model(wide_spec(), 5, {.dtype = at::kBFloat16, .quantise = how});
    const ModelMemory whole = plan_memory(wide_spec(), {.dtype = at::kBFloat16});
    const ModelMemory plan = plan_memory(wide_spec(), {.dtype = at::kBFloat16, .quantise = how});
    EXPECT_EQ(model.quantised_numbers(), whole.linears);
    EXPECT_EQ(plan.weights, whole.weights - 2.0 * static_cast<double>(whole.linears) +
                                static_cast<double>(model.quantised_bytes()));
    EXPECT_EQ(plan.scratch, 2.0 * 2 * 136 * 72);  // gate and up
    EXPECT_EQ(whole.scratch, 0);
  }
}

TEST(Quantised, ANumberThatIsNotFiniteIsRefused) {
  Model source(wide_spec(), 5, {});
  weights::StateDict weights;
  for (const auto& [name, tensor] : source.named_tensors()) {
    at::Tensor copy = tensor.clone();
    if (name == "model.layers.1.mlp.up_proj.weight") { copy.view(-1)[70] = NAN; }
    weights.add(name, copy);
  }
  EXPECT_NE(error_of([&] {
              Model(source.spec(), weights, {.quantise = kNf4}, "m");
            }).find("model.layers.1.mlp.up_proj.weight"),
            std::string::npos);
}

}  // namespace
}  // namespace una::model
