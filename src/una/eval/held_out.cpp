#include "una/eval/held_out.h"

#include <numeric>
#include <utility>

#include "una/base/error.h"
#include "una/base/rng.h"
#include "una/generate/engine.h"
#include "una/online/round_metrics.h"
#include "una/rollout/rollout.h"

namespace una::eval {
namespace {

std::vector<Sequence> sequences_of(const std::vector<rollout::Group>& groups) {
  std::vector<Sequence> sequences;
  for (const rollout::Group& group : groups) {
    for (const rollout::Answer& answer : group.answers) { sequences.push_back(answer.sequence); }
  }
  return sequences;
}

Sequence sequence_of(const std::vector<std::int32_t>& prompt, const std::vector<std::int32_t>& answer) {
  Sequence sequence;
  sequence.ids = prompt;
  sequence.loss_mask.assign(prompt.size(), 0);
  sequence.ids.insert(sequence.ids.end(), answer.begin(), answer.end());
  sequence.loss_mask.resize(sequence.ids.size(), 1);
  return sequence;
}

}  // namespace

HeldOutAnswers answer_held_out(const HeldOut& parts) {
  std::vector<std::int64_t> all(parts.prompts->size());
  std::iota(all.begin(), all.end(), 0);
  HeldOutAnswers out{parts.answers->sample(*parts.prompts, all, parts.sampling, stream_id("evaluation")), {}};
  const bool scores = parts.reward->comparer() == nullptr;
  if (scores) { rollout::score(out.groups, *parts.reward); }
  const MetricSums round = online::round_metrics(out.groups);
  for (const auto& [name, entry] : round.entries()) {
    if (scores || name != "reward/failed_ratio") { out.metrics.add(name, entry.sum, entry.count); }
  }
  const std::vector<Sequence> sequences = sequences_of(out.groups);
  for (const Sequence& sequence : sequences) {
    out.metrics.add("length", static_cast<double>(sequence.loss_tokens()));
  }
  if (parts.reference) {
    out.metrics.add("kl", total_log_ratio(parts.policy, *parts.reference, sequences),
                    static_cast<double>(sequences.size()));
  }
  return out;
}

Sampled sample_answers(const PolicyUse& policy, const text::Tokenizer& tokenizer,
                       const std::vector<std::string>& prompts, const SampleSize& size) {
  const SamplingParams params{
      .max_new_tokens = size.max_new_tokens, .seed = size.seed, .stop_ids = policy.model->spec().eos_ids};
  std::vector<generate::Request> requests;
  Sampled out;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const std::vector<std::int32_t> ids = tokenizer.encode(prompts[i], true);
    for (int sample = 0; sample < size.per_prompt; ++sample) {
      requests.push_back({.id = static_cast<std::int64_t>(i),
                          .prompt = ids,
                          .params = params,
                          .sample = static_cast<std::uint64_t>(sample)});
      out.prompt_ids.push_back(ids);
    }
  }
  generate::Engine engine(*policy.model, &tokenizer, {.max_batch = 256, .adapter = policy.adapter});
  std::vector<generate::Output> outputs = generate::generate_all(engine, std::move(requests));
  for (generate::Output& output : outputs) {
    out.ended += output.finish == generate::Output::Finish::kEos ? 1 : 0;
    out.texts.push_back(std::move(output.text));
    out.answer_ids.push_back(std::move(output.ids));
  }
  out.ended /= static_cast<double>(outputs.size());
  return out;
}

double sampled_kl(const PolicyUse& policy, const Sampled& sampled) {
  std::vector<Sequence> sequences;
  for (std::size_t i = 0; i < sampled.answer_ids.size(); ++i) {
    if (!sampled.answer_ids[i].empty()) {
      sequences.push_back(sequence_of(sampled.prompt_ids[i], sampled.answer_ids[i]));
    }
  }
  check(!sequences.empty(), "sampled_kl: no answers");
  const double total = total_log_ratio(policy, {policy.model, model::kNoAdapter}, sequences);
  return total / static_cast<double>(sequences.size());
}

std::vector<double> sampled_logps(const PolicyUse& policy, const Sampled& sampled) {
  std::vector<Row> rows;
  for (std::size_t i = 0; i < sampled.answer_ids.size(); ++i) {
    if (sampled.answer_ids[i].empty()) { continue; }
    Row row;
    row.where.line = static_cast<std::int64_t>(i);
    row.sequences.push_back(sequence_of(sampled.prompt_ids[i], sampled.answer_ids[i]));
    rows.push_back(std::move(row));
  }
  std::vector<double> out(sampled.answer_ids.size(), 0);
  for (const PackedBatch& batch : data::pack_rows(rows, {.token_budget = 4096})) {
    const at::Tensor logps = token_logps(policy, batch);
    for (const SequenceMeta& meta : batch.sequences) {
      const Where& where = batch.rows[static_cast<std::size_t>(meta.row)];
      out[static_cast<std::size_t>(where.line)] =
          logps.narrow(0, meta.logp_begin, meta.loss_tokens()).sum().item<double>();
    }
  }
  return out;
}

}  // namespace una::eval
