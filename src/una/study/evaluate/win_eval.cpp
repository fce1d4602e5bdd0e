#include "una/study/evaluate/win_eval.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json_line.h"
#include "una/base/log.h"
#include "una/base/os/interrupt.h"
#include "una/eval/tasks/scores.h"
#include "una/eval/tasks/task_files.h"
#include "una/report/progress_bar.h"
#include "una/reward/judge.h"
#include "una/run/prompts.h"
#include "una/study/evaluate/interval_text.h"
#include "una/study/evaluate/win_answers.h"
#include "una/study/workers.h"
#include "una/wins/contest.h"

namespace una::study {
namespace {

using eval::Interval;
using wins::ContestScore;
using wins::Duel;
using wins::Outcome;
using wins::QuestionRow;

constexpr std::size_t kShownRows = 5;  // of the worst and of the best, in the report
constexpr double kEven = 0.5;

// Who is compared with whom on a task, and all their answers.
struct Side {
  std::string name;
  WrittenAnswers answers;
};
struct WinTask {
  std::string name;
  std::vector<QuestionRow> rows;
  Side opponent;
  std::vector<Side> candidates;
};

std::vector<Duel> duels_of(const WinTask& task, const Side& candidate) {
  std::vector<Duel> duels;
  const std::size_t each = candidate.answers.size() / task.rows.size();
  for (std::size_t at = 0; at < candidate.answers.size(); ++at) {
    const std::size_t row = at / each;
    const std::size_t others = task.opponent.answers.size() / task.rows.size();
    const wins::WrittenAnswer& mine = candidate.answers[at];
    const wins::WrittenAnswer& other = task.opponent.answers[row * others + (at % each) % others];
    for (std::size_t turn = 0; turn < mine.turns.size(); ++turn) {
      duels.push_back(
          {row, question_of_turn(task.rows[row], mine, turn), question_of_turn(task.rows[row], other, turn)});
    }
  }
  return duels;
}

// The answers of the policies and of their opponent.
WinTask prepare(const std::string& name, EvalModel& model, const WinOptions& options) {
  const eval::TaskFiles files(options.data_folder, options.limit);
  WinTask task{.name = name, .rows = wins::read_questions(name, files, options.apply_chat_template)};
  const bool brings =
      std::all_of(task.rows.begin(), task.rows.end(), [](const auto& row) { return row.other; });
  log_info(cat("task       ", name, ": ", thousands(std::ssize(task.rows)), " questions"));
  std::vector<Side> written;
  for (const EvalPolicy& policy : model.policies) {
    std::optional<WrittenAnswers> answers = write_answers(name, task.rows, model, policy, options);
    if (!answers) { throw Stopped(); }
    written.push_back({policy.name, std::move(*answers)});
  }
  if (!options.against.empty()) {
    task.opponent = {options.against, read_other_answers(options.against, task.rows)};
  } else if (brings) {
    task.opponent.name = task.rows[0].other_name;
    for (const QuestionRow& row : task.rows) { task.opponent.answers.push_back({{row.other.value()}, 0}); }
  } else {
    check_input(written.size() > 1, name,
                ": nothing to compare the model with: give --adapter, or --against FILE with ",
                "other answers");
    task.opponent = std::move(written.front());
    written.erase(written.begin());
  }
  task.candidates = std::move(written);
  return task;
}

std::string win_verdict(const Interval& rate) {
  return eval::verdict_of({rate.mean - kEven, rate.low - kEven, rate.high - kEven});
}

// One candidate judged by one reward.
struct Contest {
  std::string candidate, reward;
  ContestScore score;
  std::vector<Outcome> outcomes;
  std::vector<std::pair<std::string, double>> by_category;  // win rates, where the rows have categories
  std::optional<double> judge_agreement;                    // share of repeated verdicts that were the same
  std::int64_t repeated = 0;
};

std::vector<std::pair<std::string, double>> category_rates(const WinTask& task, const ContestScore& score) {
  std::map<std::string, std::pair<double, double>> sums;
  for (std::size_t i = 0; i < task.rows.size(); ++i) {
    const std::optional<double>& share = score.shares[i];
    if (task.rows[i].category.empty() || !share) { continue; }
    sums[task.rows[i].category].first += *share;
    sums[task.rows[i].category].second += 1;
  }
  std::vector<std::pair<std::string, double>> out;
  for (const auto& [name, sum] : sums) { out.emplace_back(name, sum.first / sum.second); }
  return out;
}

std::vector<Outcome> judged(const std::vector<Duel>& duels, reward::Reward& reward,
                            const std::string& title) {
  report::ProgressBar bar(title, static_cast<double>(duels.size()));
  std::vector<Outcome> outcomes = wins::judge_duels(
      duels, reward, [&](double count) { bar.advance(count); }, [] { return interrupted(); });
  if (outcomes.size() < duels.size()) { throw Stopped(); }
  bar.finish();
  return outcomes;
}

// The judge once more about some of the duels, without its cache: what changes is its own noise.
void repeat_judge(const std::string& name, const std::vector<Duel>& duels, const WinOptions& options,
                  Contest& contest) {
  if (!starts_with(name, "judge:") || options.judge_repeats == 0) { return; }
  const auto most = std::min(duels.size(), static_cast<std::size_t>(options.judge_repeats));
  const std::unique_ptr<reward::Reward> again =
      reward::make_judge(name.substr(6), reward::JudgeMemory::kNone);
  const std::vector<Duel> sample(duels.begin(), duels.begin() + static_cast<std::ptrdiff_t>(most));
  const std::vector<Outcome> outcomes = judged(sample, *again, "judge again");
  double same = 0;
  for (std::size_t i = 0; i < most; ++i) {
    const std::optional<double>&now = outcomes[i].share, &before = contest.outcomes[i].share;
    if (!now || !before) { continue; }
    contest.repeated += 1;
    same += *now == *before ? 1 : 0;
  }
  if (contest.repeated > 0) { contest.judge_agreement = same / static_cast<double>(contest.repeated); }
}

std::vector<Contest> contests_of(const WinTask& task, const WinOptions& options) {
  std::vector<Contest> out;
  for (const std::string& name : options.rewards) {
    const setup::Rewards rewards = setup::make_rewards({name}, {1}, options.keys, options.compute);
    log_info(cat("reward     ", rewards.reward->description()));
    for (const Side& candidate : task.candidates) {
      const std::vector<Duel> duels = duels_of(task, candidate);
      Contest contest{.candidate = candidate.name, .reward = name};
      contest.outcomes = judged(duels, *rewards.reward, cat("judging ", candidate.name));
      contest.score = wins::score_contest(duels, contest.outcomes, task.rows.size());
      contest.by_category = category_rates(task, contest.score);
      repeat_judge(name, duels, options, contest);
      out.push_back(std::move(contest));
    }
    if (const std::string account = rewards.reward->account(); !account.empty()) { log_info(account); }
  }
  return out;
}

std::string contest_text(const Contest& contest) {
  const ContestScore& score = contest.score;
  std::string out = cat("  ", contest.candidate, " by ", contest.reward, "\n    win rate              ",
                        interval_text(score.win_rate, 3), "  ", win_verdict(score.win_rate),
                        "\n    LC* (equal lengths)   ", fixed(score.length_controlled, 3),
                        "\n    won / tied / lost     ", score.won, " / ", score.tied, " / ", score.lost);
  if (score.missing > 0) { out += cat(", ", score.missing, " prompts without a verdict"); }
  out += "\n";
  if (score.gain) {
    out += cat("    score                 ", interval_text(score.score.value(), 3), " against ",
               interval_text(score.opponent_score.value(), 3), ", gain ", interval_text(*score.gain, 3), "  ",
               eval::verdict_of(*score.gain), "\n");
  }
  for (const auto& [category, rate] : contest.by_category) {
    out += cat("    ", category, std::string(22 - std::min<std::size_t>(21, category.size()), ' '),
               fixed(rate, 3), "\n");
  }
  if (contest.judge_agreement) {
    out += cat("    judge asked again     the same verdict in ", percent(*contest.judge_agreement, 1), " of ",
               contest.repeated, "\n");
  }
  return out;
}

Json contest_json(const Contest& contest) {
  const ContestScore& score = contest.score;
  Json out{{"candidate", contest.candidate},
           {"reward", contest.reward},
           {"win_rate", interval_json(score.win_rate)},
           {"length_controlled", score.length_controlled},
           {"prompts", score.prompts},
           {"missing", score.missing},
           {"won", score.won},
           {"tied", score.tied},
           {"lost", score.lost}};
  if (score.gain) {
    out["score"] = interval_json(score.score.value());
    out["opponent_score"] = interval_json(score.opponent_score.value());
    out["gain"] = interval_json(*score.gain);
  }
  for (const auto& [category, rate] : contest.by_category) { out["categories"][category] = rate; }
  if (contest.judge_agreement) {
    out["judge_agreement"] = {{"share", *contest.judge_agreement}, {"repeated", contest.repeated}};
  }
  return out;
}

// Rows in the order of what the candidate lost or won; those without a verdict are left out.
std::vector<std::size_t> ranked(const ContestScore& score) {
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < score.shares.size(); ++i) {
    if (score.shares[i]) { rows.push_back(i); }
  }
  std::stable_sort(rows.begin(), rows.end(), [&](std::size_t a, std::size_t b) {
    return std::pair(score.shares[a], score.gains[a]) < std::pair(score.shares[b], score.gains[b]);
  });
  return rows;
}

report::AnswerTable answer_table(const WinTask& task, const Side& candidate, const Contest& contest,
                                 bool best) {
  report::AnswerTable table{cat(task.name, ": the ", best ? "best" : "worst", " answers of ", candidate.name,
                                " by ", contest.reward),
                            task.opponent.name,
                            candidate.name,
                            {}};
  std::vector<std::size_t> rows = ranked(contest.score);
  if (best) { std::reverse(rows.begin(), rows.end()); }
  const std::size_t half = rows.size() / 2;  // no row is both
  rows.resize(
      std::min({kShownRows, rows.size(), best ? rows.size() - half : std::max<std::size_t>(half, 1)}));
  const std::size_t each = candidate.answers.size() / task.rows.size(),
                    others = task.opponent.answers.size() / task.rows.size();
  for (const std::size_t row : rows) {
    std::string verdict = cat("share ", fixed(contest.score.shares[row].value(), 2));
    if (contest.score.gain) {
      verdict += cat(", score ", contest.score.gains[row] < 0 ? "" : "+", fixed(contest.score.gains[row], 2));
    }
    table.rows.push_back({run::shown_prompt(task.rows[row].prompt.prompt),
                          join(task.opponent.answers[row * others].turns, "\n\n"),
                          join(candidate.answers[row * each].turns, "\n\n"), verdict});
  }
  return table;
}

void add_pages(const WinTask& task, const std::vector<Contest>& contests, WinPages& pages) {
  report::EvalPageTable table{
      cat(task.name, ": answers against ", task.opponent.name),
      {"candidate", "reward", "win rate [95 %]", "LC*", "won/tied/lost", "score gain [95 %]", ""},
      {}};
  for (const Contest& contest : contests) {
    const ContestScore& score = contest.score;
    table.rows.push_back({contest.candidate, contest.reward, interval_text(score.win_rate, 3),
                          fixed(score.length_controlled, 3), cat(score.won, "/", score.tied, "/", score.lost),
                          score.gain ? interval_text(*score.gain, 3) : "", win_verdict(score.win_rate)});
    const auto side = std::find_if(task.candidates.begin(), task.candidates.end(),
                                   [&](const Side& one) { return one.name == contest.candidate; });
    for (const bool best : {false, true}) {
      pages.answers.push_back(answer_table(task, *side, contest, best));
    }
  }
  pages.tables.push_back(std::move(table));
}

// Every duel with its outcome, to be looked at.
std::string outcome_lines(const WinTask& task, const std::vector<Contest>& contests) {
  std::string lines;
  for (const Contest& contest : contests) {
    for (std::size_t i = 0; i < task.rows.size(); ++i) {
      const std::optional<double>& share = contest.score.shares[i];
      lines += json_line({{"candidate", contest.candidate},
                          {"reward", contest.reward},
                          {"file", task.rows[i].where.file},
                          {"line", task.rows[i].where.line},
                          {"share", share ? Json(*share) : Json(nullptr)},
                          {"score_gain", contest.score.gain ? Json(contest.score.gains[i]) : Json(nullptr)}});
    }
  }
  return lines;
}

void check_options(const WinOptions& options) {
  check_input(!options.rewards.empty(),
              "no reward: name what is to judge the answers with --reward, as in --reward ",
              "judge:judge.yaml (docs/rewards.md)");
  check_input(options.num_samples > 0 && options.max_new_tokens > 0 && options.judge_repeats >= 0,
              "num_samples and max_gen_toks must be 1 or more, judge_repeats 0 or more");
  check_input(options.temperature >= 0 && std::isfinite(options.temperature),
              "temperature must not be negative");
}

}  // namespace

bool is_win_task(const std::string& name) {
  const std::vector<std::string> names = wins::win_tasks();
  return std::find(names.begin(), names.end(), name) != names.end();
}

int evaluate_wins(const std::vector<std::string>& tasks, EvalModel& model, const WinOptions& options,
                  WinPages& pages) {
  check_options(options);
  std::string text;
  Json numbers = Json::object();
  try {
    for (const std::string& name : tasks) {
      const WinTask task = prepare(name, model, options);
      const std::vector<Contest> contests = contests_of(task, options);
      text += cat("\n", name, ": ", thousands(std::ssize(task.rows)), " questions, against ",
                  task.opponent.name, ", 95 % intervals\n");
      numbers[name] = {{"against", task.opponent.name}, {"contests", Json::array()}};
      for (const Contest& contest : contests) {
        text += contest_text(contest);
        numbers[name]["contests"].push_back(contest_json(contest));
      }
      write_file(cat(options.output_folder, "/", name, ".wins.jsonl"), outcome_lines(task, contests));
      add_pages(task, contests, pages);
    }
  } catch (const Stopped&) {
    log_info(cat("stopped; ", options.output_folder,
                 " holds the answers that were written, the same command goes on ", "from there"));
    return 128 + interrupt_signal();
  }
  write_file(options.output_folder + "/wins.txt", text);
  write_file(options.output_folder + "/wins.json", numbers.dump(2) + "\n");
  std::printf("%s\n", text.c_str());
  log_info(cat("written    wins.json, wins.txt and the answers in ", options.output_folder));
  return 0;
}

}  // namespace una::study
