#include "una/recipe/score_reward.h"

#include <optional>
#include <span>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/hash.h"
#include "una/base/json.h"
#include "una/base/json_line.h"
#include "una/base/log.h"
#include "una/base/os/interrupt.h"
#include "una/data/dataset.h"
#include "una/eval/agreement.h"
#include "una/report/progress_bar.h"
#include "una/run/score_lines.h"
#include "una/views/read_examples.h"

namespace una::recipe {
namespace {

constexpr std::size_t kChunk = 32;  // rows judged together, between two looks at the clock and Ctrl-C

// Sums over all answers.
struct Counts {
  std::int64_t scored = 0, failed = 0;
  std::string first_failure;
  eval::Agreement agreement;
};

// What the scores of one row's answers tell about its feedback.
void compare(const Example& example, std::span<const reward::Verdict> verdicts, eval::Agreement& agreement) {
  if (example.unit == Unit::kPair && verdicts.size() == 2 && verdicts[0].score && verdicts[1].score) {
    agreement.add_pair(*verdicts[0].score, *verdicts[1].score);
    return;
  }
  for (std::size_t r = 0; r < verdicts.size(); ++r) {
    const Response& response = example.responses[r];
    if (!verdicts[r].score) { continue; }
    if (response.label) {
      agreement.add_label(*verdicts[r].score, *response.label);
    } else if (response.score) {
      agreement.add_target(*verdicts[r].score, *response.score);
    }
  }
}

void count(const Example& example, std::span<const reward::Verdict> verdicts, Counts& counts) {
  compare(example, verdicts, counts.agreement);
  for (const reward::Verdict& verdict : verdicts) {
    ++(verdict.score ? counts.scored : counts.failed);
    if (!verdict.score && counts.failed == 1) {
      counts.first_failure = cat(example.where.text(), ": ", verdict.failure);
    }
  }
}

// A line per answer of the row.
Json lines_of(const Example& example, std::size_t row, std::span<const reward::Verdict> verdicts,
              const views::RowCopies& copies) {
  Json lines = Json::array();
  for (std::size_t r = 0; r < verdicts.size(); ++r) {
    Json line{{"row", row},
              {"response", r},
              {"file", example.where.file},
              {"line", example.where.line},
              {"tokens", verdicts[r].tokens}};
    const std::optional<double>& own = example.responses[r].score;
    const bool is_scored = example.unit == Unit::kScore || example.unit == Unit::kGroup;
    if (is_scored && own) { line["target"] = *own; }
    line["score"] = verdicts[r].score ? Json(*verdicts[r].score) : Json(nullptr);
    if (!verdicts[r].score) { line["error"] = verdicts[r].failure; }
    copies.add_to(line, example.where);
    lines.push_back(std::move(line));
  }
  return lines;
}

// The other way round, of lines without an error.
std::vector<reward::Verdict> verdicts_of(const Json& lines) {
  std::vector<reward::Verdict> out;
  for (const Json& line : lines) { out.push_back(reward::scored(line.at("score").get<double>())); }
  return out;
}

// Judges the answers of these rows together.
void score_chunk(const std::vector<Example>& examples, std::span<const std::size_t> rows,
                 reward::Reward& reward, const views::RowCopies& copies, run::ScoreLines& file,
                 Counts& counts) {
  std::vector<reward::Question> questions;
  for (const std::size_t row : rows) {
    const Example& example = examples[row];
    check_input(!example.responses.empty(), example.where.text(), ": the row has no answer to score");
    for (std::size_t r = 0; r < example.responses.size(); ++r) {
      questions.push_back(reward::question_of(example, r));
    }
  }
  const std::vector<reward::Verdict> verdicts = reward.score(questions);
  std::size_t next = 0;
  for (const std::size_t row : rows) {
    const auto own = std::span(verdicts).subspan(next, examples[row].responses.size());
    next += own.size();
    count(examples[row], own, counts);
    file.add(row, lines_of(examples[row], row, own, copies));
  }
}

void check_counts(const Counts& counts, double allowed) {
  if (counts.failed == 0) { return; }
  const std::string message = cat(thousands(counts.failed), " of ", thousands(counts.scored + counts.failed),
                                  " answers have no score; the first: ", counts.first_failure);
  const auto all = static_cast<double>(counts.scored + counts.failed);
  check_input(counts.scored > 0 && static_cast<double>(counts.failed) <= allowed * all, message);
  log_warning(message);
}

}  // namespace

std::int64_t score_by_reward(reward::Reward& reward, const rows::DataOptions& options,
                             const views::RowCopies& copies, const std::string& path,
                             const std::string& identity, dist::Gang& gang) {
  rows::ReadReport read;
  const std::vector<Example> examples = views::read_examples(options, read, "");
  log_info(read.text(options.max_length));
  check_input(!examples.empty(), "no rows to score");
  log_info(reward.description());
  report::ProgressBar bar("score", static_cast<double>(examples.size()), "rows");
  Counts counts;
  run::ScoreLines file(path, Hasher().add(identity).add(reward::questions_hash(examples)).hex(),
                       examples.size(), gang);
  file.finish_after([&] {
    file.visit_done(
        [&](std::size_t row, const Json& lines) { count(examples[row], verdicts_of(lines), counts); });
    const std::span<const std::size_t> to_do = file.to_do();
    bar.advance(static_cast<double>(examples.size() - to_do.size()));
    const std::size_t most = kChunk * static_cast<std::size_t>(gang.size());
    for (std::size_t begin = 0; begin < to_do.size(); begin += most) {
      const std::size_t size = std::min(most, to_do.size() - begin);
      score_chunk(examples, to_do.subspan(begin, size), reward, copies, file, counts);
      bar.advance(static_cast<double>(size));
      if (gang.any(interrupted())) { file.stop(); }
    }
    check_counts(counts, options.allow_dropped);
  });
  bar.finish();
  if (const std::string text = counts.agreement.text(); !text.empty()) { log_info(text); }
  return counts.scored;
}

}  // namespace una::recipe
