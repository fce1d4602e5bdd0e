#include "una/online/bandit_world.h"

#include <algorithm>

#include <ATen/core/Tensor.h>
#include <ATen/ops/sum.h>
#include <c10/core/GradMode.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/rng.h"
#include "una/data/pack.h"

namespace una::online {
namespace {

constexpr std::int32_t kTokens = 4;
constexpr double kOffsetDeviation = 2;

// One word a token.
const char* const kTokenizer =
    R"({"version":"1.0","added_tokens":[{"id":0,"content":"<end>","single_word":false,"lstrip":false,)"
    R"("rstrip":false,"normalized":false,"special":true}],"normalizer":null,"pre_tokenizer":{"type":)"
    R"("Whitespace"},"post_processor":null,"decoder":null,"model":{"type":"WordLevel","vocab":{"<end>":0,)"
    R"("a":1,"b":2,"c":3},"unk_token":"<end>"}})";

void add_answers(std::vector<std::int32_t>& begun, std::vector<std::vector<std::int32_t>>& all) {
  for (std::int32_t token = 0; token < kTokens; ++token) {
    begun.push_back(token);
    if (token == 0 || std::ssize(begun) == BanditWorld::kLongest) {
      all.push_back(begun);
    } else {
      add_answers(begun, all);
    }
    begun.pop_back();
  }
}

rollout::Prompt prompt_of(std::int64_t number) {
  rollout::Prompt prompt;
  prompt.example.where = {"bandit", number + 1};
  prompt.example.unit = Unit::kPrompt;
  prompt.example.prompt.plain = std::to_string(number);
  prompt.ids = {static_cast<std::int32_t>(number / kTokens), static_cast<std::int32_t>(number % kTokens)};
  return prompt;
}

Row row_of(const rollout::Prompt& prompt, const std::vector<std::vector<std::int32_t>>& answers) {
  Row row;
  row.where = prompt.example.where;
  row.unit = Unit::kGroup;
  for (const std::vector<std::int32_t>& answer : answers) {
    Sequence sequence;
    sequence.ids = prompt.ids;
    sequence.ids.insert(sequence.ids.end(), answer.begin(), answer.end());
    sequence.loss_mask.assign(prompt.ids.size(), 0);
    sequence.loss_mask.resize(sequence.ids.size(), 1);
    row.sequences.push_back(std::move(sequence));
  }
  return row;
}

}  // namespace

BanditWorld::BanditWorld(std::int64_t prompts, std::uint64_t seed)
    : seed_(seed), tokenizer_(kTokenizer, "", "", "bandit") {
  check(prompts >= 1 && prompts <= std::int64_t{kTokens} * kTokens, "bandit: 1 to 16 prompts");
  std::vector<std::int32_t> begun;
  add_answers(begun, answers_);
  for (std::int64_t p = 0; p < prompts; ++p) {
    prompts_.push_back(prompt_of(p));
    Rng rng(random_bits(seed, stream_id("bandit"), static_cast<std::uint64_t>(p)), stream_id("rewards"));
    const double offset = kOffsetDeviation * rng.normal();
    rewards_.emplace_back();
    for (std::size_t a = 0; a < answers_.size(); ++a) { rewards_.back().push_back(offset + rng.normal()); }
  }
}

std::unique_ptr<model::Model> BanditWorld::make_model(bool trains, at::Device device) const {
  ModelSpec spec;
  spec.model_type = "llama";
  spec.architecture = "LlamaForCausalLM";
  spec.hidden_size = 64;
  spec.intermediate_size = 128;
  spec.num_layers = 1;
  spec.num_heads = 4;
  spec.num_kv_heads = 4;
  spec.head_dim = 16;
  spec.vocab_size = kTokens;
  spec.max_positions = 16;
  spec.windows = {0};
  spec.initializer_range = 0.15;
  spec.torch_dtype = "float32";
  return std::make_unique<model::Model>(spec, random_bits(seed_, stream_id("bandit-model"), 0),
                                        model::LoadOptions{.train_full = trains, .device = device});
}

std::size_t BanditWorld::answer_of(const std::string& text) const {
  std::vector<std::int32_t> ids;
  for (const char letter : text) {
    if (letter != ' ') { ids.push_back(letter - 'a' + 1); }
  }
  if (std::ssize(ids) < kLongest) { ids.push_back(0); }
  const auto found = std::find(answers_.begin(), answers_.end(), ids);
  if (found == answers_.end()) { throw InternalError(cat("bandit: no answer is '", text, "'")); }
  return static_cast<std::size_t>(found - answers_.begin());
}

std::vector<std::vector<double>> BanditWorld::logps(model::Model& model, model::AdapterId adapter) const {
  const c10::AutoGradMode no_grad(false);
  std::vector<Row> rows;
  for (const rollout::Prompt& prompt : prompts_) {
    rows.push_back(row_of(prompt, answers_));
    rows.back().group_id = rows.size() - 1;
  }
  std::vector<std::vector<double>> out(rows.size(), std::vector<double>(answers_.size()));
  for (const PackedBatch& batch : data::pack_rows(rows, {})) {
    const at::Tensor logp = model.forward(batch, {}, {.adapter = adapter}).logp.to(at::kDouble);
    for (const SequenceMeta& meta : batch.sequences) {
      out[static_cast<std::size_t>(meta.group_id)][static_cast<std::size_t>(meta.slot)] =
          logp.narrow(0, meta.logp_begin, meta.loss_tokens()).sum().item<double>();
    }
  }
  return out;
}

std::vector<reward::Verdict> BanditReward::score(const std::vector<reward::Question>& questions) {
  std::vector<reward::Verdict> verdicts;
  for (const reward::Question& question : questions) {
    const auto prompt = static_cast<std::size_t>(std::stoul(question.prompt.plain));
    verdicts.push_back(
        {.score = world_.reward(prompt, world_.answer_of(question.answer.plain)) - less_[prompt],
         .failure = {}});
  }
  return verdicts;
}

}  // namespace una::online
