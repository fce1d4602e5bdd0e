// Exact models: what the engine says of a sampled token is what the trainer's forward pass gives, bit for bit.
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include <gtest/gtest.h>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/equal.h>

#include "una/base/rng.h"
#include "una/core/tiny_spec_testing.h"
#include "una/generate/engine.h"
#include "una/model/fixtures_testing.h"

namespace una::generate {
namespace {

using Ids = std::vector<std::int32_t>;

bool can_be_exact(const ModelSpec& spec) {
  return model::inexact_because(spec, at::kCPU).empty() && !spec.is_reward_model();
}

// The recorded models that can be exact: one for each family or variant.
std::vector<std::string> exact_models() {
  std::vector<std::string> out;
  for (const auto& folder : std::filesystem::directory_iterator(model::fixture_folder(""))) {
    const std::string path = folder.path().string();
    if (std::filesystem::exists(path + "/config.json") && can_be_exact(weights::read_model_spec(path))) {
      out.push_back(folder.path().filename().string());
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

// A model with an adapter whose B is not zero.
struct Adapted {
  std::unique_ptr<model::Model> model;
  model::AdapterId adapter = model::kNoAdapter;
  Adapted(const std::string& name, at::ScalarType dtype)
      : model(model::load_fixture(name, {.dtype = dtype, .exact = true})) {
    adapter = model->add_adapter({.r = 3, .target_modules = {"all-linear"}}, 1, true);
    std::uint64_t seed = 0;
    for (const model::TrainableTensor& each : model->trainable()) {
      const at::NoGradGuard no_grad;
      float* data = each.master.mutable_data_ptr<float>();
      for (std::int64_t i = 0; i < each.master.numel(); ++i) {
        data[i] +=
            static_cast<float>(0.2 * uniform01(random_bits(7, seed, static_cast<std::uint64_t>(i))) - 0.1);
      }
      ++seed;
    }
    model->refresh();
  }
};

constexpr std::uint64_t kSamples = 3;

// Prompts that share beginnings, with several samples each; some are longer than a block of keys.
std::vector<Request> requests(std::int64_t vocabulary) {
  std::vector<Request> out;
  std::int64_t id = 0;
  for (const std::size_t length : {1, 17, 40, 67, 70}) {
    Ids prompt;
    for (std::size_t i = 0; i < length; ++i) {
      const std::uint64_t seed = length > 20 ? 3 : length;  // the long ones begin alike
      prompt.push_back(
          static_cast<std::int32_t>(random_bits(seed, i, 0) % static_cast<std::uint64_t>(vocabulary)));
    }
    for (std::uint64_t sample = 0; sample < kSamples; ++sample) {
      out.push_back({.id = id,
                     .prompt = prompt,
                     .params = {.max_new_tokens = 9 + 4 * static_cast<std::int64_t>(sample)},
                     .sample = sample});
    }
    ++id;
  }
  return out;
}

model::Ids wide(const Ids& ids) { return {ids.begin(), ids.end()}; }

at::Tensor sampled(const std::vector<Output>& outputs, std::size_t first, std::size_t count) {
  std::vector<float> all;
  for (std::size_t i = first; i < first + count; ++i) {
    all.insert(all.end(), outputs[i].logps.begin(), outputs[i].logps.end());
  }
  return at::tensor(all);
}

// One answer alone.
PackedBatch pack_alone(const Ids& prompt, const Ids& answer) {
  model::Ids ids = wide(prompt);
  ids.insert(ids.end(), answer.begin(), answer.end());
  return model::pack({ids}, prompt.size());
}

// The log-probs of all outputs as training computes them: answers behind a shared prompt, and each alone.
void expect_trained_alike(Adapted& adapted, model::AdapterId adapter, const std::vector<Request>& asked,
                          const std::vector<Output>& outputs, const std::string& what) {
  for (std::size_t first = 0; first < asked.size(); first += kSamples) {
    std::vector<model::Ids> answers;
    for (std::size_t i = first; i < first + kSamples; ++i) {
      answers.push_back(wide(outputs[i].ids));
      const PackedBatch alone = pack_alone(asked[i].prompt, outputs[i].ids);
      EXPECT_TRUE(at::equal(adapted.model->forward(alone, {}, {.adapter = adapter}).logp.detach(),
                            sampled(outputs, i, 1)))
          << what << ": answer " << i << " alone";
    }
    const PackedBatch shared = model::pack_shared(wide(asked[first].prompt), answers);
    const at::Tensor wanted = sampled(outputs, first, kSamples);
    for (const bool checkpointing : {false, true}) {
      const model::ForwardOptions options{.adapter = adapter, .gradient_checkpointing = checkpointing};
      EXPECT_TRUE(at::equal(
          adapted.model->forward(shared, {.statistics = checkpointing}, options).logp.detach(), wanted))
          << what << ": answers to prompt " << first / kSamples;
    }
    const at::NoGradGuard no_grad;
    EXPECT_TRUE(at::equal(adapted.model->forward(shared, {}, {.adapter = adapter}).logp, wanted))
        << what << ": no gradient";
  }
}

class Exact : public testing::TestWithParam<std::string> {};

TEST_P(Exact, SampledLogProbsAreTheTrainerS) {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    Adapted adapted(GetParam(), dtype);
    const std::vector<Request> asked = requests(adapted.model->spec().vocab_size);
    for (const model::AdapterId adapter : {model::kNoAdapter, adapted.adapter}) {
      for (const std::int64_t batch : {1, 4, 64}) {
        const bool prefix_cache = batch == 4;
        Engine engine(
            *adapted.model, nullptr,
            {.max_batch = batch, .prefill_tokens = 90, .adapter = adapter, .prefix_cache = prefix_cache});
        generate_all(engine, {asked.end() - 1, asked.end()});  // leaves blocks in the prefix cache
        const std::vector<Output> outputs = generate_all(engine, asked);
        if (prefix_cache) { EXPECT_GT(engine.counts().prefix_hits, 0); }
        expect_trained_alike(adapted, adapter, asked, outputs,
                             GetParam() + " in " + at::toString(dtype) + ", " + std::to_string(batch) +
                                 " at once" + (adapter < 0 ? "" : ", adapted") +
                                 (prefix_cache ? ", prefix cache" : ""));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Exact, testing::ValuesIn(exact_models()),
                         [](const auto& each) { return each.param; });

// Five families in a size whose products take all loops: sums longer than 256, heads of 64, several blocks of keys.
ModelSpec wide_spec(const std::string& family) {
  ModelSpec spec = tiny_spec({.hidden = 320,
                              .intermediate = 608,
                              .layers = 2,
                              .heads = 5,
                              .kv_heads = 1,
                              .head_dim = 64,
                              .vocabulary = 1024,
                              .positions = 512,
                              .initializer_range = 0.05});
  spec.model_type = family;
  if (family == "mistral") { spec.windows = {48, 48}; }
  if (family == "qwen2") { spec.qkv_bias = true; }
  if (family == "qwen3") { spec.qk_norm = QkNorm::kHead; }
  if (family != "gemma2") { return spec; }
  spec.norm_style = NormStyle::kPlusOne;
  spec.activation = "gelu_pytorch_tanh";
  spec.tie_word_embeddings = true;
  spec.embedding_scale = std::sqrt(320.0);
  spec.attention_soft_cap = 50, spec.logit_soft_cap = 30;
  spec.windows = {48, 0};
  return spec;
}

// How often the sampler's log-prob was not the trainer's.
struct Count {
  std::int64_t tokens = 0, different = 0;
};

// Samples until so many tokens are compared: prompts of changing lengths with four answers each, any number at once.
Count compare(const ModelSpec& spec, at::ScalarType dtype, std::int64_t tokens) {
  model::Model model(spec, 3, {.dtype = dtype, .exact = true});
  const at::NoGradGuard no_grad;
  Count count;
  for (std::uint64_t round = 0; count.tokens < tokens; ++round) {
    std::vector<Request> asked;
    for (std::uint64_t i = 0; i < 16; ++i) {
      Ids prompt;
      const std::uint64_t length = 1 + random_bits(round, i / 4, 9) % 130;
      for (std::uint64_t k = 0; k < length; ++k) {
        prompt.push_back(static_cast<std::int32_t>(random_bits(round, i / 4, k) % 1024));
      }
      asked.push_back({.id = static_cast<std::int64_t>(i / 4),
                       .prompt = prompt,
                       .params = {.max_new_tokens = 20 + static_cast<std::int64_t>(i) * 3, .seed = round},
                       .sample = i % 4});
    }
    Engine engine(model, nullptr,
                  {.max_batch = std::int64_t{1} << round % 5, .prefix_cache = round % 2 == 1});
    const std::vector<Output> outputs = generate_all(engine, asked);
    for (std::size_t first = 0; first < outputs.size(); first += 4) {
      std::vector<model::Ids> answers;
      for (std::size_t i = first; i < first + 4; ++i) { answers.push_back(wide(outputs[i].ids)); }
      const at::Tensor trained = model
                                     .forward(model::pack_shared(wide(asked[first].prompt), answers),
                                              {.statistics = round % 3 == 0}, {})
                                     .logp;
      count.tokens += trained.numel();
      count.different += trained.ne(sampled(outputs, first, 4)).sum().item<std::int64_t>();
    }
  }
  return count;
}

// UNA_EXACT_TOKENS sets how many tokens of each family and dtype are compared.
TEST(Exact, LargerModelsOfFiveFamiliesAreExactToo) {
  const char* given = std::getenv("UNA_EXACT_TOKENS");
  const std::int64_t tokens = given == nullptr ? 300 : std::atoll(given);
  for (const std::string family : {"llama", "mistral", "qwen2", "qwen3", "gemma2"}) {
    for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
      const Count count = compare(wide_spec(family), dtype, tokens);
      EXPECT_EQ(count.different, 0) << family << " in " << at::toString(dtype);
      if (given != nullptr) {
        std::cout << family << ' ' << at::toString(dtype) << ": " << count.tokens << " tokens, "
                  << count.different << " differ\n";
      }
    }
  }
}

TEST(Exact, APromptSLogProbsAreTheTrainerSToo) {
  const auto model = model::load_fixture("llama", {.dtype = at::kBFloat16, .exact = true});
  Ids prompt;
  for (std::int32_t i = 0; i < 80; ++i) { prompt.push_back(i * 7 % 40); }
  for (const bool prefix_cache : {false, true}) {
    Engine engine(*model, nullptr, {.prefix_cache = prefix_cache});
    for (int again = 0; again < 2; ++again) {
      const auto outputs = generate_all(
          engine, {{.prompt = prompt, .params = {.max_new_tokens = 1}, .top_logps = 2, .prompt_logps = 3}});
      const PackedBatch alone =
          pack_alone({prompt.begin(), prompt.begin() + 1}, {prompt.begin() + 1, prompt.end()});
      const at::Tensor wanted = model->forward(alone, {}, {}).logp;
      for (std::size_t i = 1; i < prompt.size(); ++i) {
        const TokenLogps& token = (*outputs[0].prompt_logps)[i];
        EXPECT_EQ(token.logp, wanted[static_cast<std::int64_t>(i) - 1].item<float>()) << i;
        for (const TopLogp& each : token.top) {
          if (each.id == prompt[i]) { EXPECT_EQ(each.logp, token.logp); }
        }
      }
    }
  }
}

TEST(Exact, ModelsThatCannotBeExactSaySo) {
  const std::vector<std::pair<std::string, std::string>> why{{"mixtral", "mixture of experts"},
                                                             {"lfm2", "not attention"},
                                                             {"qwen3_5", "not attention"},
                                                             {"llama_dynamic", "rope's frequencies"}};
  for (const auto& [name, reason] : why) {
    try {
      model::load_fixture(name, {.exact = true});
      ADD_FAILURE() << name;
    } catch (const InputError& error) {
      EXPECT_NE(std::string(error.what()).find(reason), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace una::generate
