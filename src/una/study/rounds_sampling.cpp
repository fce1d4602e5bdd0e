#include "una/study/rounds_sampling.h"

#include <algorithm>
#include <functional>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json_line.h"
#include "una/base/os/interrupt.h"
#include "una/eval/log_ratio.h"
#include "una/report/progress_bar.h"
#include "una/run/online_setup.h"
#include "una/views/native_row.h"

namespace una::study {
namespace {

using Finish = generate::Output::Finish;

// The policy, and what its answers are compared with.
struct Policies {
  setup::ModelSetup policy;
  setup::ModelSetup start;  // empty where the policy's own base is the start
  bool moved = false;

  eval::PolicyUse now() const { return {policy.model.get(), policy.policy}; }
  eval::PolicyUse reference() const {
    return start.model ? eval::PolicyUse{start.model.get(), model::kNoAdapter}
                       : eval::PolicyUse{policy.model.get(), model::kNoAdapter};
  }
};

Policies load_policies(const setup::RunConfig& config, const setup::ModelPlace& place,
                       const std::string& start) {
  Policies out;
  const setup::Compute compute{
      .dtype = config.model.dtype, .device = config.model.device, .quantise = config.model.quantise};
  out.policy = setup::load_for_inference(place.folder, place.adapter, compute);
  out.moved = place.folder != start || !place.adapter.empty();
  if (place.folder != start) { out.start = setup::load_for_inference(start, "", compute); }
  return out;
}

// Lines and sums over the answers of a round.
struct Tally {
  std::string lines;
  double answers = 0, ended = 0, tokens = 0, log_ratio = 0;

  void add(const rollout::Group& group, bool plain_draws) {
    Json row = views::common_row(group.prompt->example), responses = Json::array();
    for (const rollout::Answer& answer : group.answers) {
      answers += 1;
      tokens += static_cast<double>(answer.sequence.loss_tokens());
      if (answer.finish == Finish::kLength) { continue; }
      ended += 1;
      responses.push_back({{"content", answer.text}});
    }
    if (responses.empty()) { return; }
    row["responses"] = std::move(responses);
    if (plain_draws) { row["sampled_from"] = "policy"; }
    lines += json_line(row);
  }
};

void add_log_ratio(const Policies& policies, const std::vector<rollout::Group>& groups, Tally& tally) {
  if (!policies.moved) { return; }
  std::vector<Sequence> sequences;
  for (const rollout::Group& group : groups) {
    for (const rollout::Answer& answer : group.answers) { sequences.push_back(answer.sequence); }
  }
  tally.log_ratio += eval::total_log_ratio(policies.now(), policies.reference(), sequences);
}

bool is_plain(const SamplingParams& p) {
  return p.temperature == 1 && p.top_p == 1 && p.top_k == 0 && p.min_p == 0 && p.repetition_penalty == 1;
}

// Calls `visit` with every place of the labelled rows that may hold a label: each row itself and each of its responses.
void visit_labels(const std::string& path,
                  const std::function<void(const Json& row, const Json& place)>& visit) {
  for (const std::string& line : split(read_file(path), '\n')) {
    if (line.empty()) { continue; }
    const Json row = parse_json(line, path);
    visit(row, row);
    if (!row.contains("responses")) { continue; }
    for (const Json& response : row["responses"]) { visit(row, response); }
  }
}

}  // namespace

Json sample_round(const setup::RunConfig& config, const setup::ModelPlace& policy, const std::string& start,
                  std::int64_t round, const std::string& path) {
  Policies policies = load_policies(config, policy, start);
  check_input(!policies.policy.model->has_reward_head(), policy.folder, ": a reward model cannot generate");
  const setup::TextSetup text =
      setup::load_text(setup::text_folders(start, policy.adapter), config.data, policies.policy.folder.spec);
  run::OnlineSetup setup;
  const run::RunData data = run::load_prompts(config, text, setup);
  const rollout::SampleOptions sampling{.num_generations = config.online.num_generations,
                                        .max_batch = config.online.generation_batch_size,
                                        .params = run::sampling_of(config, text)};
  const auto source =
      rollout::make_model_source(*policies.policy.model, policies.policy.policy, &text.tokenizer());
  // Enough requests to keep the batch full, few enough to show progress and to stop.
  const std::int64_t chunk = std::max<std::int64_t>(1, 4 * sampling.max_batch / sampling.num_generations);
  const std::int64_t prompts = std::ssize(setup.prompts);
  report::ProgressBar bar("sample", static_cast<double>(prompts), "prompts");
  Tally tally;
  for (std::int64_t begin = 0; begin < prompts; begin += chunk) {
    if (interrupted()) { return nullptr; }
    std::vector<std::int64_t> indices;
    for (std::int64_t i = begin; i < std::min(prompts, begin + chunk); ++i) { indices.push_back(i); }
    const std::vector<rollout::Group> groups =
        source->sample(setup.prompts, indices, sampling, static_cast<std::uint64_t>(round));
    for (const rollout::Group& group : groups) { tally.add(group, is_plain(sampling.params)); }
    add_log_ratio(policies, groups, tally);
    bar.advance(static_cast<double>(indices.size()));
  }
  bar.finish();
  check_input(tally.ended > 0, "none of the ", tally.answers, " answers of round ", round, " ended within ",
              sampling.params.max_new_tokens, " tokens; raise max_completion_length");
  write_file(path, tally.lines);
  return {{"prompts", data.train->content_hash()},
          {"answers", tally.answers},
          {"ended", tally.ended},
          {"mean_length", tally.tokens / tally.answers},
          {"clipped_ratio", 1 - tally.ended / tally.answers},
          {"kl", tally.log_ratio / tally.answers}};
}

void check_labels_have_a_scale(const std::string& path) {
  double lowest = 0, highest = 1;
  visit_labels(path, [&](const Json& row, const Json& place) {
    if (row.contains("score_range") || !place.contains("score") || !place["score"].is_number()) { return; }
    lowest = std::min(lowest, place["score"].get<double>());
    highest = std::max(highest, place["score"].get<double>());
  });
  check_input(lowest >= 0 && highest <= 1, path, ": the rewards go from ", significant(lowest, 6), " to ",
              significant(highest, 6), " and have no scale of their own; start again with --score_range ",
              "observed (or lo,hi) and --overwrite_output_dir");
}

Json mean_label(const std::string& path) {
  double total = 0, count = 0;
  visit_labels(path, [&](const Json& /*row*/, const Json& place) {
    for (const char* name : {"score", "label"}) {
      if (!place.contains(name)) { continue; }
      total += place[name].is_boolean() ? (place[name].get<bool>() ? 1 : 0) : place[name].get<double>();
      count += 1;
    }
  });
  return count > 0 ? Json(total / count) : Json(nullptr);
}

}  // namespace una::study
