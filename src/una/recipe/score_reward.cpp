#include "una/recipe/score_reward.h"

#include <functional>
#include <optional>
#include <span>

#include "una/base/error.h"
#include "una/base/format.h"
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

// One line per answer of the rows from `first` on.
void write_lines(std::span<const Example> examples, std::size_t first, reward::Reward& reward,
                 const RowCopies& copies, const std::function<void(const Json& line)>& write,
                 Counts& counts) {
  std::vector<reward::Question> questions;
  for (const Example& example : examples) {
    check_input(!example.responses.empty(), example.where.text(), ": the row has no answer to score");
    for (std::size_t r = 0; r < example.responses.size(); ++r) {
      questions.push_back(reward::question_of(example, r));
    }
  }
  const std::vector<reward::Verdict> verdicts = reward.score(questions);
  std::size_t next = 0;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    compare(examples[i], std::span(verdicts).subspan(next, examples[i].responses.size()), counts.agreement);
    for (std::size_t r = 0; r < examples[i].responses.size(); ++r) {
      const reward::Verdict& verdict = verdicts[next++];
      Json line{{"row", first + i},
                {"response", r},
                {"file", examples[i].where.file},
                {"line", examples[i].where.line},
                {"tokens", verdict.tokens}};
      const std::optional<double>& own = examples[i].responses[r].score;
      const bool is_scored = examples[i].unit == Unit::kScore || examples[i].unit == Unit::kGroup;
      if (is_scored && own) { line["target"] = *own; }
      if (verdict.score) {
        line["score"] = *verdict.score;
        ++counts.scored;
      } else {
        line["score"] = nullptr;
        line["error"] = verdict.failure;
        if (counts.failed++ == 0) {
          counts.first_failure = cat(examples[i].where.text(), ": ", verdict.failure);
        }
      }
      copies.add_to(line, examples[i].where);
      write(line);
    }
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
                             const RowCopies& copies, const std::string& path, dist::Gang& gang) {
  rows::ReadReport read;
  const std::vector<Example> examples = views::read_examples(options, read, "");
  log_info(read.text(options.max_length));
  check_input(!examples.empty(), "no rows to score");
  log_info(reward.description());
  report::ProgressBar bar("score", static_cast<double>(examples.size()), "rows");
  Counts counts;
  run::write_lines_of_all(path, gang, [&](const std::function<void(const Json& line)>& write) {
    const std::size_t most = kChunk * static_cast<std::size_t>(gang.size());
    for (std::size_t begin = 0; begin < examples.size(); begin += most) {
      const std::size_t size = std::min(most, examples.size() - begin);
      write_lines(std::span(examples).subspan(begin, size), begin, reward, copies, write, counts);
      bar.advance(static_cast<double>(size));
      if (gang.any(interrupted())) { throw Interrupted("stopped; nothing was written"); }
    }
    check_counts(counts, options.allow_dropped);
  });
  bar.finish();
  if (const std::string text = counts.agreement.text(); !text.empty()) { log_info(text); }
  return counts.scored;
}

}  // namespace una::recipe
