#include "una/study/evaluate/preference_eval.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/hash.h"
#include "una/base/json_line.h"
#include "una/base/log.h"
#include "una/base/os/interrupt.h"
#include "una/eval/preferences/best_of.h"
#include "una/eval/preferences/pair_scores.h"
#include "una/eval/preferences/preference_rows.h"
#include "una/eval/tasks/row_journal.h"
#include "una/eval/tasks/scores.h"
#include "una/online/dealt.h"
#include "una/report/progress_bar.h"
#include "una/run/run_ranks.h"
#include "una/study/evaluate/interval_text.h"
#include "una/study/workers.h"
#include "una/text/python/strings.h"

namespace una::study {
namespace {

using eval::Interval;
using eval::PreferenceRow;

constexpr std::size_t kFirstNumber = 1000;  // of the answers in a journal, whose names are sorted as text
constexpr std::size_t kChunk = 32;          // rows scored together, between two looks at Ctrl-C

// The scores of a task's rows by one reward; NaN does not occur: what cannot be scored leaves the row out.
struct RewardScores {
  std::string reward;
  std::vector<std::vector<double>> scores;  // of each row's answers; empty: the row could not be scored
  std::int64_t missing = 0;
  std::string first_failure;
};

double length_of(const Text& text) {
  const std::string shown = reward::answer_text(text);
  return static_cast<double>(text::python::length(shown));
}

// A row as its journal knows it.
eval::Item item_of(const PreferenceRow& row, std::size_t number) {
  eval::Item item{.where = row.where, .number = static_cast<std::int64_t>(number), .context = row.subset};
  for (const reward::Question& question : row.answers) {
    item.choices.push_back(dump_json(reward::question_json(question)));
  }
  return item;
}

// What a score depends on besides the row: which reward, and the weights where they are at hand.
std::string identity_of(const std::string& name, const setup::Rewards& rewards) {
  Hasher hasher;
  hasher.add(name).add(rewards.reward->description());
  for (const auto& model : rewards.models) { hasher.add(model->model.folder.content_hash); }
  return hasher.hex();
}

std::vector<double> scores_of(const eval::RowResult& result) {
  std::vector<double> scores;
  for (const eval::MetricPart& part : result.parts) { scores.push_back(part.sum); }
  return scores;
}

// The rows that rank 0's journal lacks, on every rank. `journal`: null on the others.
std::vector<std::size_t> missing_rows(const std::string& task, const std::vector<PreferenceRow>& rows,
                                      const eval::RowJournal* journal, dist::Ranks& gang) {
  std::string done(rows.size(), '0');
  for (std::size_t i = 0; journal != nullptr && i < rows.size(); ++i) {
    if (journal->find(task, item_of(rows[i], i)) != nullptr) { done[i] = '1'; }
  }
  done = run::share(gang, done);
  std::vector<std::size_t> pending;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (done[i] == '0') { pending.push_back(i); }
  }
  return pending;
}

// Scores the rows that the journal lacks. Rows that cannot be scored are not in it: the next command asks again.
void score_missing(const std::string& task, const std::vector<PreferenceRow>& rows, reward::Reward& reward,
                   eval::RowJournal* journal, dist::Ranks& gang, RewardScores& out) {
  const std::vector<std::size_t> pending = missing_rows(task, rows, journal, gang);
  report::ProgressBar bar("score", static_cast<double>(rows.size()));
  bar.advance(static_cast<double>(rows.size() - pending.size()));
  const std::size_t most = kChunk * static_cast<std::size_t>(gang.size());
  for (std::size_t begin = 0; begin < pending.size(); begin += most) {
    if (gang.any(interrupted())) { throw Stopped(); }
    const std::size_t end = std::min(begin + most, pending.size());
    std::vector<reward::Question> questions;
    for (std::size_t p = begin; p < end; ++p) {
      const std::vector<reward::Question>& answers = rows[pending[p]].answers;
      questions.insert(questions.end(), answers.begin(), answers.end());
    }
    const std::vector<reward::Verdict> verdicts = reward.score(questions);
    std::size_t at = 0;
    for (std::size_t p = begin; p < end; ++p) {
      const PreferenceRow& row = rows[pending[p]];
      eval::RowResult result;
      for (std::size_t a = 0; a < row.answers.size(); ++a, ++at) {
        const std::optional<double>& score = verdicts[at].score;
        if (score) { result.parts.push_back({cat("score ", kFirstNumber + a), *score, 1}); }
        const bool first = !score && out.first_failure.empty();
        if (first) { out.first_failure = cat(row.where.text(), ": ", verdicts[at].failure); }
      }
      if (journal != nullptr && result.parts.size() == row.answers.size()) {
        journal->add(task, item_of(row, pending[p]), {}, std::move(result));
      }
    }
    bar.advance(static_cast<double>(end - begin));
  }
  bar.finish();
}

// OUT/scores holds a file for each reward and task. The result is rank 0's; that of the others is empty.
RewardScores score_rows(const std::string& task, const std::string& name,
                        const std::vector<PreferenceRow>& rows, const PreferenceOptions& options,
                        dist::Ranks& gang) {
  setup::Rewards rewards = setup::make_rewards({name}, {1}, options.keys, options.compute);
  std::optional<eval::RowJournal> file;
  if (gang.leads()) {
    const std::string folder = options.output_folder + "/scores";
    make_folder(folder);
    file.emplace(cat(folder, "/", task, "-", hash_hex(name).substr(0, 12), ".jsonl"),
                 identity_of(name, rewards));
  }
  if (gang.size() > 1) { rewards.reward = online::deal_reward(std::move(rewards.reward), gang); }
  log_info(cat("reward     ", rewards.reward->description()));
  RewardScores out{name, {}, 0, ""};
  score_missing(task, rows, *rewards.reward, file ? &*file : nullptr, gang, out);
  if (!file) { return out; }
  const eval::RowJournal& journal = *file;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const eval::RowResult* result = journal.find(task, item_of(rows[i], i));
    out.missing += result == nullptr ? 1 : 0;
    out.scores.push_back(result == nullptr ? std::vector<double>() : scores_of(*result));
  }
  check_input(out.missing < std::ssize(rows), name,
              " scored none of the rows; the first: ", out.first_failure);
  if (out.missing > 0) {
    log_warning(cat(name, ": ", out.missing, " of ", rows.size(),
                    " rows could not be scored and are left out; the first: ", out.first_failure));
  }
  return out;
}

Json accuracies_json(const std::vector<eval::SubsetAccuracy>& list) {
  Json out = Json::object();
  for (const eval::SubsetAccuracy& one : list) {
    out[one.name] = interval_json(one.accuracy);
    out[one.name]["rows"] = one.pairs;
  }
  return out;
}

// What became of a task: its text and its numbers.
struct Account {
  std::string text;
  Json numbers = Json::object();
  report::EvalPageTable page;
};

std::vector<eval::ScoredPair> pairs_of(const std::vector<PreferenceRow>& rows, const RewardScores& scores) {
  std::vector<eval::ScoredPair> pairs;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (scores.scores[i].empty()) { continue; }
    pairs.push_back({rows[i].subset, scores.scores[i][0], scores.scores[i][1],
                     length_of(rows[i].answers[0].answer), length_of(rows[i].answers[1].answer)});
  }
  return pairs;
}

std::string pair_text(const eval::PairScore& score) {
  std::string out = cat("    accuracy                         ", interval_text(score.accuracy, 4), "\n");
  for (const eval::SubsetAccuracy& section : score.sections) {
    out += cat("    ", section.name, std::string(33 - std::min<std::size_t>(32, section.name.size()), ' '),
               interval_text(section.accuracy, 4), "\n");
  }
  if (!score.sections.empty()) {
    out += cat("    mean of the sections             ", fixed(score.section_mean, 4), "\n");
  }
  if (score.shorter_pairs > 0) {
    out += cat("    where the shorter one is better  ", interval_text(score.shorter_is_better, 4), ", ",
               thousands(score.shorter_pairs), " pairs\n");
  }
  out += cat("    characters, better less worse    ", fixed(score.length_gap, 1),
             "\n    Brier                            ", fixed(score.brier, 4),
             "\n    confidence / accuracy (pairs)   ");
  for (const eval::ReliabilityBin& bin : score.reliability) {
    if (bin.pairs > 0) {
      out += cat(" ", fixed(bin.confidence, 2), "/", fixed(bin.accuracy, 2), " (", bin.pairs, ")");
    }
  }
  return out + "\n";
}

Json pair_json(const eval::PairScore& score) {
  Json bins = Json::array();
  for (const eval::ReliabilityBin& bin : score.reliability) {
    bins.push_back({{"low", bin.low},
                    {"high", bin.high},
                    {"pairs", bin.pairs},
                    {"confidence", bin.confidence},
                    {"accuracy", bin.accuracy}});
  }
  Json out{{"accuracy", interval_json(score.accuracy)},
           {"sections", accuracies_json(score.sections)},
           {"subsets", accuracies_json(score.subsets)},
           {"brier", score.brier},
           {"length_gap", score.length_gap},
           {"shorter_pairs", score.shorter_pairs},
           {"reliability", bins}};
  if (!score.sections.empty()) { out["section_mean"] = score.section_mean; }
  if (score.shorter_pairs > 0) { out["shorter_is_better"] = interval_json(score.shorter_is_better); }
  return out;
}

// The second reward's accuracy less the first's, on the pairs that both scored.
Interval gain_over(const RewardScores& first, const RewardScores& second) {
  std::vector<double> before, after;
  for (std::size_t i = 0; i < first.scores.size(); ++i) {
    if (first.scores[i].empty() || second.scores[i].empty()) { continue; }
    before.push_back(first.scores[i][0] > first.scores[i][1] ? 1 : 0);
    after.push_back(second.scores[i][0] > second.scores[i][1] ? 1 : 0);
  }
  check_input(!before.empty(), first.reward, " and ", second.reward, " scored no pair in common");
  return eval::paired_gain(before, after, 42);
}

Account pair_account(const std::vector<PreferenceRow>& rows, const std::vector<RewardScores>& all) {
  Account account;
  account.page.columns = {"reward", "accuracy [95 %]",          "shorter is better [95 %]",
                          "Brier",  "against the first [95 %]", ""};
  for (const RewardScores& scores : all) {
    const eval::PairScore score = eval::score_pairs(pairs_of(rows, scores));
    account.page.rows.push_back({scores.reward, interval_text(score.accuracy, 4),
                                 score.shorter_pairs > 0 ? interval_text(score.shorter_is_better, 4) : "",
                                 fixed(score.brier, 4), "", ""});
    account.text += cat("  ", scores.reward, "\n", pair_text(score));
    account.numbers[scores.reward] = pair_json(score);
    account.numbers[scores.reward]["missing"] = scores.missing;
    if (&scores == &all.front()) { continue; }
    const Interval gain = gain_over(all.front(), scores);
    const std::string verdict = eval::verdict_of(gain);
    account.text +=
        cat("    against ", all.front().reward, ": ", interval_text(gain, 4), "  ", verdict, "\n");
    account.page.rows.back()[4] = interval_text(gain, 4);
    account.page.rows.back()[5] = verdict;
    account.numbers[scores.reward]["change"] = interval_json(gain);
    account.numbers[scores.reward]["change"]["verdict"] = verdict;
  }
  return account;
}

Account best_of_account(const std::vector<PreferenceRow>& rows, const std::vector<RewardScores>& all) {
  Account account;
  account.page.columns = {"reward", "mean of the subsets"};
  for (const RewardScores& scores : all) {
    std::vector<eval::ScoredChoices> choices;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (!scores.scores[i].empty()) {
        choices.push_back({rows[i].subset, rows[i].id, scores.scores[i], rows[i].right});
      }
    }
    const eval::BestOfScore score = eval::score_best_of(choices);
    account.text += cat("  ", scores.reward, "\n");
    for (const eval::SubsetAccuracy& subset : score.subsets) {
      account.text += cat(
          "    ", subset.name, std::string(33 - std::min<std::size_t>(32, subset.name.size()), ' '),
          subset.name == "Ties" ? fixed(subset.accuracy.mean, 4) : interval_text(subset.accuracy, 4), "\n");
    }
    account.page.rows.push_back({scores.reward, fixed(score.mean, 4)});
    account.text += cat("    mean of the subsets              ", fixed(score.mean, 4), "\n");
    account.numbers[scores.reward] = {
        {"mean", score.mean}, {"subsets", accuracies_json(score.subsets)}, {"missing", scores.missing}};
  }
  return account;
}

std::string score_lines(const std::vector<PreferenceRow>& rows, const std::vector<RewardScores>& all) {
  std::string lines;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Json line{{"file", rows[i].where.file},
              {"line", rows[i].where.line},
              {"subset", rows[i].subset},
              {"right", rows[i].right}};
    for (const RewardScores& scores : all) {
      line["scores"][scores.reward] = scores.scores[i].empty() ? Json(nullptr) : Json(scores.scores[i]);
    }
    lines += json_line(line);
  }
  return lines;
}

Account evaluate_task(const std::string& task, const PreferenceOptions& options, dist::Ranks& gang) {
  const eval::TaskFiles files(options.data_folder, options.limit);
  const bool best_of = task == "rewardbench2";
  std::int64_t left_out = 0;
  const std::vector<rows::JsonRow> read = files.questions(task);
  const std::vector<PreferenceRow> rows = best_of
                                              ? eval::read_best_of(read, options.apply_chat_template)
                                              : eval::read_pairs(read, options.apply_chat_template, left_out);
  log_info(cat("task       ", task, ": ", thousands(std::ssize(rows)), " rows",
               left_out > 0 ? cat(", ", thousands(left_out), " ties or equal pairs left out") : ""));
  check_input(!rows.empty(), options.data_folder, ": ", task, " has no row to score");
  std::vector<RewardScores> all;
  for (const std::string& name : options.rewards) {
    all.push_back(score_rows(task, name, rows, options, gang));
  }
  if (!gang.leads()) { return {}; }
  Account account = best_of ? best_of_account(rows, all) : pair_account(rows, all);
  account.text = cat("\n", task, ": ", thousands(std::ssize(rows)), " rows, 95 % intervals\n", account.text);
  write_file(cat(options.output_folder, "/", task, ".jsonl"), score_lines(rows, all));
  return account;
}

}  // namespace

std::vector<std::string> preference_tasks() { return {"rewardbench", "rewardbench2", "pairs"}; }

bool is_preference_task(const std::string& name) {
  const std::vector<std::string> names = preference_tasks();
  return std::find(names.begin(), names.end(), name) != names.end();
}

int evaluate_preferences(const std::vector<std::string>& tasks, const PreferenceOptions& options,
                         dist::Ranks& gang, std::vector<report::EvalPageTable>& pages) {
  check_input(!options.rewards.empty(),
              "no reward: name what is to tell the better answers with --reward, as in --reward model:FOLDER "
              "implicit:my-run (docs/rewards.md)");
  std::string text;
  Json numbers = Json::object();
  try {
    for (const std::string& task : tasks) {
      Account account = evaluate_task(task, options, gang);
      text += account.text;
      numbers[task] = account.numbers;
      account.page.title = cat(task, ": which answer is better");
      pages.push_back(std::move(account.page));
    }
  } catch (const Stopped&) {
    log_info(cat("stopped; ", options.output_folder,
                 " holds the scores so far, the same command goes on from there"));
    return 128 + run::agreed_signal(gang);
  }
  if (!gang.leads()) { return 0; }
  write_file(options.output_folder + "/preferences.txt", text);
  write_file(options.output_folder + "/preferences.json", numbers.dump(2) + "\n");
  std::printf("%s\n", text.c_str());
  log_info(
      cat("written    preferences.json, preferences.txt and the rows' scores in ", options.output_folder));
  return 0;
}

void write_preference_sample(const std::string& folder) {
  static constexpr const char* kTools[] = {"hammer", "saw", "drill", "brush", "ladder", "wrench"};
  std::string pairs, best;
  for (int i = 0; i < 12; ++i) {
    const std::string tool = kTools[i % 6], prompt = cat("What is a ", tool, " for?");
    const std::string good = cat("A ", tool, " is a tool; people use it to build and to mend things."),
                      bad = "I do not know.";
    pairs += json_line(
        {{"prompt", prompt},
         {"chosen", i % 4 == 0 ? cat("It is a tool: a ", tool, ".") : good},
         {"rejected",
          i % 4 == 0 ? "Some say one thing and some say another, and there is no way to tell." : bad},
         {"subset", i % 2 == 0 ? "alpacaeval-easy" : "llmbar-natural"}});
    if (i < 6) {
      best += json_line({{"id", std::to_string(i)},
                         {"prompt", prompt},
                         {"chosen", {good}},
                         {"rejected", {bad, "A fruit.", "It rains."}},
                         {"subset", i % 2 == 0 ? "Focus" : "Factuality"}});
    }
  }
  for (int i = 0; i < 2; ++i) {
    best += json_line({{"id", cat("ref:", i)},
                       {"prompt", "Name the first month."},
                       {"chosen", {"January"}},
                       {"rejected", {"May", "July"}},
                       {"subset", "Ties"}});
    best += json_line({{"id", cat("tied:", i)},
                       {"prompt", "Name a month."},
                       {"chosen", {"January", "May"}},
                       {"rejected", {"Monday", "Red"}},
                       {"subset", "Ties"}});
  }
  write_file(folder + "/rewardbench.jsonl", pairs);
  write_file(folder + "/pairs.jsonl", pairs);
  write_file(folder + "/rewardbench2.jsonl", best);
}

}  // namespace una::study
