#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>

#include "una/base/error.h"
#include "una/base/files/output_rule.h"
#include "una/base/format.h"
#include "una/base/hash.h"
#include "una/base/json.h"
#include "una/base/log.h"
#include "una/base/os/interrupt.h"
#include "una/data/dataset.h"
#include "una/eval/agreement.h"
#include "una/eval/implicit_scores.h"
#include "una/online/dealt.h"
#include "una/recipe/command_line.h"
#include "una/recipe/commands.h"
#include "una/recipe/score_reward.h"
#include "una/report/progress_bar.h"
#include "una/rows/files/input_files.h"
#include "una/run/gold_scores.h"
#include "una/run/run_ranks.h"
#include "una/run/score_lines.h"
#include "una/run/training_run.h"
#include "una/setup/implicit_reward.h"
#include "una/setup/rank_options.h"
#include "una/setup/reward_setup.h"
#include "una/setup/standard_input.h"
#include "una/views/row_copies.h"
#include "una/weights/peft_adapter.h"

namespace una::recipe {
namespace {

constexpr const char* kUsage =
    "usage: una score --model DIR [--adapter DIR] --data FILE --out scored.jsonl\n"
    "one line per response: row, response (from 0), file, line, and\n"
    "  language model: tokens of the answer, logp, ref_logp, reward = beta * (logp - ref_logp), score = "
    "sigmoid(reward)\n"
    "  reward model: tokens of the conversation, score (raw); a response that cannot be scored has score null and "
    "error\n"
    "rows with scores also have target, their own score in 0..1 (--score_fit RUN: as that run mapped it)";

constexpr std::int64_t kRowsOfRank = 16;  // that a rank scores between two exchanges with the others

// The keys of `una score`.
struct ScoreOptions {
  std::string model_name_or_path, adapter, ref_model, output_dir;
  setup::Compute compute;
  std::optional<double> beta;
  std::int64_t threads = 0;
  bool token_logps = false, copy_row = false, overwrite_output_dir = false;
  std::string gold;
  setup::RankOptions ranks;
  setup::RewardKeys reward;
  rows::DataOptions data;
  ScoreOptions() { data.allow_dropped = 1; }
  template <class V>
  void fields(V&& v) {
    v("model_name_or_path", model_name_or_path,
      "the model's folder: a language model or a reward model (alias --model)");
    v("adapter", adapter, "a PEFT adapter: the policy; without it the model is the policy");
    v("ref_model", ref_model, "the reference's folder; empty: the model without the adapter");
    v("output_dir", output_dir, "the JSONL file to write (alias --out)");
    v("overwrite_output_dir", overwrite_output_dir, "replace the output file");
    compute.fields(v);
    v("adapter_scale", compute.adapter_scale, "the adapter's change of the model times this");
    v("gold", gold,
      "a field of the rows, or a reward (model:FOLDER, math, ...): how well the implicit reward follows it, on answers "
      "of the reference, and the gain to expect at a KL");
    v("beta", beta, "null: from the run.yaml in the adapter's folder");
    v("token_logps", token_logps, "also write the log-prob of every answer token");
    v("copy_row", copy_row, "also write the row as it is in its file, as member input");
    v("threads", threads, "compute threads; 0: all");
    ranks.fields(v);
    reward.fields(v);
    data.fields(v);
  }
};

double beta_of(const ScoreOptions& options) {
  if (options.beta) { return *options.beta; }
  if (const std::optional<double> beta = setup::trained_beta(options.adapter)) { return *beta; }
  throw InputError(options.adapter.empty()
                       ? "no beta: give --beta (with --adapter it is read from the run.yaml in its folder)"
                       : "no beta: the adapter's folder has no run.yaml with one; give --beta");
}

// What the lines of a policy's scores tell together.
class PolicyScores {
 public:
  PolicyScores(const ScoreOptions& options, const data::Dataset& dataset, const views::RowCopies& copies)
      : by_gold_(!options.gold.empty()), dataset_(dataset), copies_(copies) {}

  // The lines of a row as they are written.
  Json complete(std::size_t index, Json lines) {
    const Row row = dataset_.row(static_cast<std::int64_t>(index));
    if (by_gold_) { run::add_judged(row, lines, judged_); }
    eval::compare_scores(row, lines, agreement_);
    lines_ += std::ssize(lines);
    for (Json& line : lines) { copies_.add_to(line, row.where); }
    return lines;
  }
  void log() const {
    if (const std::string told = agreement_.text(); !told.empty()) { log_info(told); }
    if (by_gold_) { log_info(run::gold_report(judged_)); }
  }
  std::int64_t lines() const { return lines_; }

 private:
  bool by_gold_;
  const data::Dataset& dataset_;
  const views::RowCopies& copies_;
  std::int64_t lines_ = 0;
  eval::Agreement agreement_;
  std::vector<eval::JudgedAnswer> judged_;
};

// Scores the rows that an earlier run has not done.
void score_rest(const eval::ImplicitScorer& scorer, const data::Dataset& dataset, run::ScoreLines& file,
                PolicyScores& scores, dist::Gang& gang) {
  report::ProgressBar bar("score", static_cast<double>(dataset.size()), "rows");
  bar.advance(static_cast<double>(dataset.size() - std::ssize(file.to_do())));
  const std::int64_t most = gang.size() == 1 ? 1 : kRowsOfRank * gang.size();
  for (std::size_t next = 0; next < file.to_do().size();) {
    const std::size_t first = file.to_do()[next];
    std::size_t count = 1;  // of rows behind each other
    while (next + count < file.to_do().size() && file.to_do()[next + count] == first + count &&
           static_cast<std::int64_t>(count) < most) {
      ++count;
    }
    const auto begin = static_cast<std::int64_t>(first);
    std::vector<Json> rows =
        eval::score_rows(scorer, dataset, begin, begin + static_cast<std::int64_t>(count), gang);
    for (std::size_t i = 0; i < count; ++i) {
      file.add(first + i, scores.complete(first + i, std::move(rows[i])));
    }
    next += count;
    bar.advance(static_cast<double>(count));
    if (gang.any(interrupted())) { file.stop(); }
  }
  bar.finish();
}

// Hash of the names of the files, and with --copy_row of their bytes.
std::string inputs_key(const ScoreOptions& options) {
  Hasher hasher;
  hasher.add(join(options.data.dataset_name, "\n")).add_number(options.copy_row ? 1 : 0);
  if (!options.copy_row) { return hasher.hex(); }
  for (const std::string& file : rows::input_files(options.data)) { hasher.add(hash_file(file)); }
  return hasher.hex();
}

// Hash of all that decides a line.
std::string identity_of(const ScoreOptions& options, const setup::ModelSetup& setup,
                        const std::string& reference_hash, double beta, const data::Dataset& dataset) {
  Hasher hasher;
  hasher.add(setup::inference_key(setup)).add(reference_hash).add(dataset.content_hash()).add(cat(beta));
  hasher.add(inputs_key(options)).add(options.gold).add_number(options.token_logps ? 1 : 0);
  return hasher.hex();
}

std::int64_t score_by_policy(const ScoreOptions& options, setup::ModelSetup& setup,
                             const setup::TextSetup& text, const views::RowCopies& copies, dist::Gang& gang) {
  std::unique_ptr<model::Model> reference;
  std::string reference_hash;
  if (!options.ref_model.empty()) {
    const setup::ModelFolder folder = setup::read_model_folder(options.ref_model);
    reference_hash = folder.content_hash;
    reference =
        std::make_unique<model::Model>(folder.spec, folder.weights, setup.model->frozen_like(), folder.path);
  }
  const eval::ImplicitScorer scorer{.policy = {setup.model.get(), setup.policy},
                                    .base = {reference == nullptr ? setup.model.get() : reference.get()},
                                    .beta = beta_of(options),
                                    .token_logps = options.token_logps};
  const std::vector<Unit> units = {Unit::kSft, Unit::kPair, Unit::kBinary, Unit::kScore, Unit::kGroup};
  rows::DataOptions data = options.data;
  data.max_length = run::fitted_max_length(data.max_length, setup.folder.spec);
  const auto dataset = options.gold.empty()
                           ? data::load_dataset(data, text.encoder, units, "")
                           : run::gold_dataset(options.gold, options.compute, data, text.encoder, units);
  log_info(dataset->report().text(data.max_length));
  const std::string identity = identity_of(options, setup, reference_hash, scorer.beta, *dataset);
  run::ScoreLines file(options.output_dir, identity, static_cast<std::size_t>(dataset->size()), gang);
  PolicyScores scores(options, *dataset, copies);
  file.finish_after([&] {
    file.visit_done([&](std::size_t row, const Json& lines) { scores.complete(row, lines); });
    score_rest(scorer, *dataset, file, scores, gang);
  });
  scores.log();
  return scores.lines();
}

// What means nothing to a reward model is refused, and the other way round.
void check_kind(const ScoreOptions& options, bool is_reward_model) {
  if (!is_reward_model) {
    check_input(options.reward.rm_bos == "template", "rm_bos is for reward models, ",
                options.model_name_or_path, " is a language model");
    return;
  }
  check_input(
      !options.beta && !options.token_logps && options.gold.empty() && options.ref_model.empty(),
      options.model_name_or_path, options.adapter.empty() ? "" : " with the adapter " + options.adapter,
      " is a reward model: beta, token_logps, gold and ref_model are for implicit rewards of language "
      "models");
}

int score_file(const ScoreOptions& options, dist::Ranks& gang) {
  check_input(!options.output_dir.empty(), "no output: name the JSONL file with --out");
  check_input(!options.data.dataset_name.empty(), "no data: give a file of rows with --data");
  std::vector<std::string> inputs = rows::input_files(options.data);
  inputs.insert(inputs.end(), {options.model_name_or_path, options.adapter, options.ref_model});
  std::optional<OutputFile> output;
  if (gang.leads()) {
    output.emplace(options.output_dir,
                   OutputRule{.overwrite = options.overwrite_output_dir, .inputs = inputs},
                   std::vector<std::string>{options.output_dir + ".partial"});
  }
  run::set_rank_threads(options.threads, gang);
  setup::ModelSetup setup =
      setup::load_for_inference(options.model_name_or_path, options.adapter, options.compute);
  const bool is_reward_model = setup.model->has_reward_head();
  check_kind(options, is_reward_model);
  const setup::TextSetup text = setup::load_text(
      setup::text_folders(options.model_name_or_path, options.adapter), options.data, setup.folder.spec);
  const views::RowCopies copies =
      options.copy_row && gang.leads() ? views::RowCopies(options.data) : views::RowCopies();
  std::int64_t lines = 0;
  if (is_reward_model) {
    std::unique_ptr<reward::Reward> reward =
        setup::make_reward_model(setup, text, options.reward, options.data);
    if (gang.size() > 1) { reward = online::deal_reward(std::move(reward), gang); }
    const std::string identity = Hasher()
                                     .add(setup::inference_key(setup))
                                     .add(text.content_hash())
                                     .add(options.data.template_date)
                                     .add(options.reward.rm_bos)
                                     .add(inputs_key(options))
                                     .hex();
    lines = score_by_reward(*reward, options.data, copies, options.output_dir, identity, gang);
  } else {
    lines = score_by_policy(options, setup, text, copies, gang);
  }
  log_info(cat(thousands(lines), " responses scored into ", options.output_dir));
  return 0;
}

}  // namespace

HelpPage score_help(const Arguments&) { return options_page<ScoreOptions>(kUsage); }

int run_score(const Arguments& arguments) {
  auto options = read_command<ScoreOptions>(arguments);
  find_model(options.model_name_or_path, options.adapter);
  Arguments words = {"score"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  const dist::Launch launch =
      run::launch_of(options.ranks, options.compute.device, options.data.dataset_name);
  const setup::StandardInput input(options.data.dataset_name);
  return run::run_by_ranks(options.ranks, launch, words,
                           [&](dist::Ranks& gang) { return score_file(options, gang); });
}

}  // namespace una::recipe
