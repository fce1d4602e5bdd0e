#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include <unistd.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/files/output_rule.h"
#include "una/base/format.h"
#include "una/base/hash.h"
#include "una/base/json_line.h"
#include "una/base/log.h"
#include "una/base/os/interrupt.h"
#include "una/data/dataset.h"
#include "una/online/dealt.h"
#include "una/recipe/command_line.h"
#include "una/recipe/commands.h"
#include "una/recipe/label/label_journal.h"
#include "una/recipe/label/label_rows.h"
#include "una/report/progress_bar.h"
#include "una/rows/files/input_files.h"
#include "una/run/run_ranks.h"
#include "una/run/training_run.h"
#include "una/setup/rank_options.h"
#include "una/setup/reward_setup.h"
#include "una/setup/run_inputs.h"
#include "una/setup/standard_input.h"
#include "una/views/read_examples.h"

namespace una::recipe {
namespace {

constexpr const char* kUsage =
    "usage: una label --reward REWARD --data FILE --out labelled.jsonl\n"
    "writes rows that una train reads: scores (score or group rows), thumbs (label rows) or preferences (pairs); "
    "docs/rewards.md";

constexpr std::size_t kChunk = 32;      // rows judged together, between two looks at Ctrl-C
constexpr std::int64_t kHopeless = 64;  // missing scores without a single one there: something is wrong

// The keys of `una label`.
struct LabelOptions {
  std::string output_dir;
  setup::Compute compute;  // of reward models
  std::vector<std::string> reward, reward_weights;
  bool overwrite_output_dir = false, dry_run = false;
  std::int64_t threads = 0;
  setup::RankOptions ranks;
  setup::RewardKeys keys;
  rows::DataOptions data;
  LabelOptions() { data.allow_dropped = 1; }
  template <class V>
  void fields(V&& v) {
    v("dataset_name", data.dataset_name,
      "files, patterns or folders of rows with answers: .jsonl, .json, .csv, .tsv (also .gz or .zst) or "
      ".parquet (alias --data)");
    v("dataset_dir", data.dataset_dir,
      "a folder with LLaMA-Factory's dataset_info.json; dataset_name are then names of its entries");
    v("output_dir", output_dir, "the JSONL file to write (alias --out)");
    v("reward", reward,
      "model:FOLDER | judge:FILE | http://... | command:LINE | implicit:POLICY[:REF] | logp:POLICY | exact_match | math | "
      "length:N | regex:PATTERN "
      "| "
      "json; several are summed");
    v("reward_weights", reward_weights, "a weight for each reward; empty: 1 each");
    v("reward_command_timeout", keys.command_timeout,
      "command rewards: seconds that one call (32 rows) may take; 0: no limit");
    v("score_range", data.score_range,
      "lo,hi that the rows will declare; observed: lowest and highest score; empty: the reward's own scale");
    v("ground_truth_column", data.ground_truth_column, "the field with the right answer");
    v("columns", data.columns,
      "rename columns, ours=theirs: prompt=question,completion=reply; theirs may be a path: label=data.rating");
    v("label_values", data.label_values,
      "words and numbers that are thumbs: good=up|1|yes,bad=down|0|no (none=...: answers left out)");
    v("csv_delimiter", data.csv_delimiter,
      "the character between cells of CSV files: auto | ',' | ';' | tab | '|'");
    v("apply_chat_template", data.apply_chat_template, "wrap string prompts as one user turn");
    v("max_row_mb", data.max_row_mb, "MB that one row may have in its file");
    v("max_rows", data.max_rows, "use only the first rows; 0: all");
    v("allow_dropped", data.allow_dropped, "share of answers that may be left without a label");
    v("overwrite_output_dir", overwrite_output_dir, "replace the output file");
    v("dry_run", dry_run, "read everything, label nothing");
    compute.fields(v);
    v("threads", threads, "compute threads; 0: all");
    ranks.fields(v);
    keys.fields(v);
  }
};

std::vector<double> weights_of(const LabelOptions& options) {
  return reward::weights_of_rewards(options.reward, options.reward_weights);
}

void check_label_options(const LabelOptions& options) {
  check_input(!options.reward.empty(),
              "no reward: give --reward, as in --reward judge:judge.yaml (una label --help)");
  check_input(!options.data.dataset_name.empty(), "no data: give a file of rows with --data");
  check_input(!options.output_dir.empty(), "no output: name the JSONL file with --out");
  const auto& range = options.data.score_range;
  check_input(range.empty() || range.size() == 2 || (range.size() == 1 && range[0] == "observed"),
              "score_range needs two numbers, lo,hi, or the word observed");
  check_input(options.keys.command_timeout >= 0, "reward_command_timeout must not be negative");
  weights_of(options);
}

std::vector<Example> read_rows(const LabelOptions& options) {
  rows::DataOptions reading = options.data;
  reading.score_range.clear();
  rows::ReadReport report;
  std::vector<Example> rows = views::read_answers(reading, report);
  std::int64_t answers = 0;
  for (const Example& row : rows) {
    check_input(!row.responses.empty(), row.where.text(),
                ": the row has no answer to label (una generate "
                "samples answers to prompts)");
    answers += std::ssize(row.responses);
  }
  std::string dropped;
  for (const auto& [reason, count] : report.dropped) {
    dropped += cat(", left out ", thousands(count), ": ", reason);
  }
  log_info(cat("rows       ", thousands(std::ssize(rows)), " of ", thousands(report.rows_read), ", ",
               thousands(answers), " answers", dropped));
  check_input(!rows.empty(), "no rows to label");
  return rows;
}

// Hash of the rows and the reward, excluding the output format.
std::string identity_of(const LabelOptions& options, const reward::Reward& reward,
                        const std::vector<Example>& rows) {
  return Hasher()
      .add(reward.description())
      .add(join(options.reward, "\n"))
      .add(reward::questions_hash(rows))
      .hex();
}

// The rows that are to do, on every rank as the journal of rank 0 has them.
std::vector<std::size_t> rows_to_do(const LabelJournal* journal, dist::Gang& gang) {
  Json own = Json::array();
  for (std::size_t row = 0; journal != nullptr && row < journal->done().size(); ++row) {
    if (!journal->done()[row]) { own.push_back(row); }
  }
  return Json::parse(gang.gather_all(own.dump()).front()).get<std::vector<std::size_t>>();
}

// Judges the rows of `to_do`, on all ranks together; rank 0 has the journal. False on all of them: a signal came.
bool judge_rows(reward::Reward& reward, const std::vector<Example>& rows,
                const std::vector<std::size_t>& to_do, LabelJournal* journal, dist::Gang& gang) {
  report::ProgressBar bar("label", static_cast<double>(rows.size()), "rows");
  bar.advance(static_cast<double>(rows.size() - to_do.size()));
  const std::size_t most = kChunk * static_cast<std::size_t>(gang.size());
  LabelSummary summary;
  for (std::size_t begin = 0; begin < to_do.size(); begin += most) {
    const auto chunk = std::span(to_do).subspan(begin, std::min(most, to_do.size() - begin));
    if (gang.any(interrupted())) { return false; }
    std::vector<const Example*> examples;
    for (const std::size_t row : chunk) { examples.push_back(&rows[row]); }
    std::vector<Labels> labels;
    try {
      labels = label_rows(reward, examples);
    } catch (const InputError& error) {
      if (dynamic_cast<const Interrupted*>(&error) != nullptr || interrupted()) { return false; }
      throw;
    }
    for (std::size_t i = 0; i < chunk.size(); ++i) {
      summary.add(*examples[i], labels[i]);
      if (journal != nullptr) { journal->add(chunk[i], std::move(labels[i])); }
    }
    bar.advance(static_cast<double>(chunk.size()), cat(thousands(summary.missing), " missing"));
    check_input(summary.scored > 0 || summary.missing < kHopeless || to_do.size() < rows.size(),
                "none of the first ", thousands(summary.missing),
                " answers got a label; the first: ", summary.first_failure);
  }
  bar.finish();
  return true;
}

std::optional<reward::ScoreScale> range_of(const LabelOptions& options, const reward::Reward& reward,
                                           const LabelSummary& summary) {
  const auto& range = options.data.score_range;
  if (range.empty()) { return reward.scale(); }
  if (range.size() == 1) {
    check_input(summary.lowest < summary.highest, "score_range observed: all scores are the same");
    return reward::ScoreScale{summary.lowest, summary.highest};
  }
  reward::ScoreScale scale;
  for (std::size_t i = 0; i < 2; ++i) {
    char* end = nullptr;
    (i == 0 ? scale.lo : scale.hi) = std::strtod(range[i].c_str(), &end);
    check_input(!range[i].empty() && *end == '\0', "score_range: '", range[i], "' is not a number");
  }
  check_input(scale.lo < scale.hi, "score_range needs lo,hi with lo < hi");
  return scale;
}

void write_lines(const std::string& path, const std::string& lines) {
  if (lines.empty()) {
    ::unlink(path.c_str());
  } else {
    write_file(path, lines);
  }
}

// Writes the labelled rows and, in a second file, those without a label. Returns the number of rows written.
std::int64_t write_rows(const std::string& path, const std::vector<Example>& rows,
                        const LabelJournal& journal, const LabelFormat& format) {
  std::string lines, others;
  std::int64_t written = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Labels& labels = journal.labels(i);
    if (const std::optional<Json> row = labelled_row(rows[i], labels, format)) {
      lines += json_line(*row);
      ++written;
    }
    for (const Json& entry : left_out(rows[i], labels, format)) { others += json_line(entry); }
  }
  write_lines(path + ".left_out.jsonl", others);
  check_input(written > 0, "no row got a label; the reasons are in ", path, ".left_out.jsonl");
  write_file(path, lines);
  if (!others.empty()) { log_info(cat("left out   listed in ", path, ".left_out.jsonl")); }
  return written;
}

void check_summary(const LabelSummary& summary, double allowed) {
  const double all = static_cast<double>(summary.scored + summary.missing);
  check_input(static_cast<double>(summary.missing) <= allowed * all, thousands(summary.missing), " of ",
              thousands(summary.scored + summary.missing),
              " answers have no label, more than allow_dropped = ", allowed,
              "; the first: ", summary.first_failure);
  if (!summary.is_constant()) { return; }
  log_warning(cat("every label is ", significant(summary.lowest, 6),
                  ": no signal, nothing can be learnt from the differences"));
}

void finish(const LabelOptions& options, reward::Reward& reward, const std::vector<Example>& rows,
            LabelJournal& journal) {
  LabelSummary summary;
  for (std::size_t i = 0; i < rows.size(); ++i) { summary.add(rows[i], journal.labels(i)); }
  const LabelKind kind = label_kind(reward);
  log_info(summary.text(kind));
  check_summary(summary, options.data.allow_dropped);
  const LabelFormat format{.kind = kind, .range = range_of(options, reward, summary)};
  const std::int64_t written = write_rows(options.output_dir, rows, journal, format);
  if (kind == LabelKind::kScores && !format.range && (summary.lowest < 0 || summary.highest > 1)) {
    log_info(
        "hint       these scores have no declared scale: una train will want --score_range lo,hi, or label "
        "with --score_range observed");
  }
  journal.remove();
  log_info(cat("written    ", thousands(written), " rows in ", options.output_dir));
}

// The file of what is done, of rank 0; nullptr on the others.
std::unique_ptr<LabelJournal> open_journal(const LabelOptions& options, const reward::Reward& reward,
                                           const std::vector<Example>& rows, const dist::Gang& gang) {
  if (!gang.leads()) { return nullptr; }
  const std::string partial = options.output_dir + ".partial";
  auto journal = std::make_unique<LabelJournal>(partial, identity_of(options, reward, rows), rows);
  if (journal->taken_up() > 0) {
    log_info(cat("resuming   ", thousands(static_cast<std::int64_t>(journal->taken_up())),
                 " rows are done in ", partial));
  }
  return journal;
}

int label_file(const LabelOptions& options, dist::Ranks& gang) {
  check_label_options(options);
  std::vector<std::string> inputs = rows::input_files(options.data);
  for (const std::string& input : setup::reward_inputs(options.reward)) { inputs.push_back(input); }
  std::optional<OutputFile> output;
  if (gang.leads()) {
    output.emplace(
        options.output_dir, OutputRule{.overwrite = options.overwrite_output_dir, .inputs = inputs},
        std::vector<std::string>{options.output_dir + ".left_out.jsonl", options.output_dir + ".partial"});
  }
  run::set_rank_threads(options.threads, gang);
  const std::vector<Example> rows = read_rows(options);
  setup::Rewards rewards =
      setup::make_rewards(options.reward, weights_of(options), options.keys, options.compute);
  if (gang.size() > 1) { rewards.reward = online::deal_reward(std::move(rewards.reward), gang); }
  reward::Reward& reward = *rewards.reward;
  log_info(cat("reward     ", reward.description()));
  if (options.dry_run) {
    log_info("dry run    everything was read and understood; nothing was labelled or written");
    return 0;
  }
  run::check_same(gang, {{"rows and reward", identity_of(options, reward, rows)}},
                  "every rank must read the same rows by the same reward");
  const std::unique_ptr<LabelJournal> journal = open_journal(options, reward, rows, gang);
  bool finished = false;
  try {
    finished = judge_rows(reward, rows, rows_to_do(journal.get(), gang), journal.get(), gang);
    if (const std::string account = reward.account(); !account.empty()) { log_info(account); }
    if (finished && journal != nullptr) { finish(options, reward, rows, *journal); }
  } catch (const InputError&) {
    if (journal != nullptr) { journal->keep(); }
    throw;
  }
  if (finished) { return 0; }
  log_info(cat("stopped; ", options.output_dir,
               ".partial holds what was done, the same command goes on from there"));
  return 128 + run::agreed_signal(gang);
}

}  // namespace

HelpPage label_help(const Arguments&) { return options_page<LabelOptions>(kUsage); }

int run_label(const Arguments& arguments) {
  auto options = read_command<LabelOptions>(arguments);
  Arguments words = {"label"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  const dist::Launch launch =
      run::launch_of(options.ranks, options.compute.device, options.data.dataset_name);
  const setup::StandardInput input(options.data.dataset_name);
  return run::run_by_ranks(options.ranks, launch, words,
                           [&](dist::Ranks& gang) { return label_file(options, gang); });
}

}  // namespace una::recipe
