#include "una/study/evaluate/win_answers.h"

#include <limits>
#include <map>
#include <utility>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/hash.h"
#include "una/base/os/interrupt.h"
#include "una/data/dataset.h"
#include "una/generate/engine.h"
#include "una/report/progress_bar.h"
#include "una/rows/files/row_files.h"
#include "una/run/prompts.h"

namespace una::study {
namespace {

using wins::QuestionRow;
using wins::WrittenAnswer;

// What an answer depends on besides the policy.
std::string hash_of(const QuestionRow& row) {
  Hasher hasher;
  hasher.add(row.prompt.prompt.plain).add(row.prompt.tools).add(row.prompt.template_kwargs);
  for (const Message& message : row.prompt.prompt.messages) {
    hasher.add(message.role).add(message.content).add(message.extra);
  }
  for (const std::string& turn : row.later_turns) { hasher.add(turn); }
  return hasher.hex();
}

// The prompt of the turn behind those that are answered.
Example next_prompt(const QuestionRow& row, const WrittenAnswer& so_far) {
  Example prompt = row.prompt;
  for (std::size_t i = 0; i < so_far.turns.size(); ++i) {
    prompt.prompt.messages.push_back({.role = "assistant", .content = so_far.turns[i], .extra = ""});
    prompt.prompt.messages.push_back({.role = "user", .content = row.later_turns[i], .extra = ""});
  }
  return prompt;
}

// Answers by the engine, turn by turn: the second turn of a row is added when its first one is answered.
class Writer {
 public:
  Writer(const std::vector<QuestionRow>& rows, EvalModel& model, const EvalPolicy& policy,
         const WinOptions& options, wins::AnswerJournal& journal)
      : rows_(rows),
        model_(model),
        options_(options),
        journal_(journal),
        engine_(*model.setup.model, &model.text.tokenizer(),
                {.max_batch = options.batch_size, .adapter = policy.adapter}),
        partial_(rows.size() * static_cast<std::size_t>(options.num_samples)) {}

  bool run(report::ProgressBar& bar) {
    for (std::size_t at = 0; at < partial_.size(); ++at) {
      if (journal_.find(row_of(at), sample_of(at), hash_of(rows_[index(at)])) == nullptr) { ask(at); }
    }
    while (!engine_.done()) {
      if (interrupted()) { return false; }
      for (const generate::Output& output : engine_.step()) { take(output, bar); }
    }
    return true;
  }

 private:
  std::size_t index(std::size_t at) const { return at / static_cast<std::size_t>(options_.num_samples); }
  std::int64_t row_of(std::size_t at) const { return static_cast<std::int64_t>(index(at)); }
  std::int64_t sample_of(std::size_t at) const {
    return static_cast<std::int64_t>(at) % options_.num_samples;
  }

  // Random numbers are keyed by row, sample and turn, so that every policy meets the same draws.
  void ask(std::size_t at) {
    const QuestionRow& row = rows_[index(at)];
    const Example prompt = next_prompt(row, partial_[at]);
    const std::vector<std::int32_t> ids = data::tokenise_prompt(prompt, {}, model_.text.encoder).ids;
    const std::int64_t positions = model_.setup.folder.spec.position_limit();
    check_input(std::ssize(ids) + options_.max_new_tokens <= positions, row.where.text(), ": a prompt of ",
                ids.size(), " tokens leaves no room for ", options_.max_new_tokens,
                " new ones in the model's ", positions, " positions; give a smaller --max_gen_toks");
    SamplingParams params{.max_new_tokens = options_.max_new_tokens,
                          .temperature = row.temperature.value_or(options_.temperature),
                          .stop_ids = model_.stop_ids()};
    engine_.add({.id = static_cast<std::int64_t>(at),
                 .prompt = ids,
                 .params = std::move(params),
                 .sample = static_cast<std::uint64_t>(partial_[at].turns.size())});
  }

  void take(const generate::Output& output, report::ProgressBar& bar) {
    const auto at = static_cast<std::size_t>(output.id);
    WrittenAnswer& answer = partial_[at];
    answer.turns.push_back(output.text);
    answer.tokens += std::ssize(output.ids);
    if (answer.turns.size() <= rows_[index(at)].later_turns.size()) { return ask(at); }
    journal_.add(row_of(at), sample_of(at), hash_of(rows_[index(at)]), std::move(answer));
    bar.advance(1);
  }

  const std::vector<QuestionRow>& rows_;
  EvalModel& model_;
  const WinOptions& options_;
  wins::AnswerJournal& journal_;
  generate::Engine engine_;
  std::vector<WrittenAnswer> partial_;
};

std::string identity_of(const std::string& task, const EvalModel& model, const EvalPolicy& policy,
                        const WinOptions& options) {
  Hasher hasher;
  hasher.add(model.setup.folder.content_hash).add(policy.hash).add(model.text.content_hash()).add(task);
  hasher.add(setup::dtype_name(model.setup.model->dtype())).add(cat(options.temperature));
  hasher.add_number(static_cast<std::uint64_t>(options.max_new_tokens));
  return hasher.hex();
}

// The first of these members that is a text.
std::optional<std::string> text_of(const Json& row, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const auto found = row.find(name);
    if (found != row.end() && found->is_string()) { return found->get<std::string>(); }
  }
  return std::nullopt;
}

}  // namespace

reward::Question question_of_turn(const QuestionRow& row, const WrittenAnswer& answer, std::size_t turn) {
  WrittenAnswer before{
      .turns = {answer.turns.begin(), answer.turns.begin() + static_cast<std::ptrdiff_t>(turn)}};
  const Example prompt = next_prompt(row, before);
  reward::Question question{.prompt = prompt.prompt,
                            .answer = {.is_chat = false, .plain = answer.turns[turn], .messages = {}},
                            .tools = prompt.tools,
                            .template_kwargs = prompt.template_kwargs};
  if (turn < row.references.size()) { question.ground_truth = row.references[turn]; }
  return question;
}

std::optional<WrittenAnswers> write_answers(const std::string& task, const std::vector<QuestionRow>& rows,
                                            EvalModel& model, const EvalPolicy& policy,
                                            const WinOptions& options) {
  const std::string folder = cat(options.output_folder, "/", policy.name);
  make_folder(folder);
  wins::AnswerJournal journal(cat(folder, "/", task, ".answers.jsonl"),
                              identity_of(task, model, policy, options));
  report::ProgressBar bar(cat("answers of ", policy.name),
                          static_cast<double>(rows.size()) * static_cast<double>(options.num_samples));
  if (!Writer(rows, model, policy, options, journal).run(bar)) { return std::nullopt; }
  bar.finish();
  WrittenAnswers out;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::int64_t sample = 0; sample < options.num_samples; ++sample) {
      out.push_back(*journal.find(static_cast<std::int64_t>(i), sample, hash_of(rows[i])));
    }
  }
  return out;
}

WrittenAnswers read_other_answers(const std::string& path, const std::vector<QuestionRow>& rows) {
  std::map<std::string, std::string> answers;
  rows::read_plain_rows(
      path, std::numeric_limits<std::int64_t>::max(), [&](const std::vector<rows::JsonRow>& read, double) {
        for (const rows::JsonRow& row : read) {
          const auto prompt = text_of(row.json, {"prompt", "instruction"});
          const auto answer = text_of(row.json, {"answer", "output", "completion"});
          check_input(
              prompt && answer, row.where.text(),
              ": a row of answers has prompt (or instruction) and answer (or output, completion), as texts");
          const auto [entry, is_new] = answers.emplace(*prompt, *answer);
          check_input(is_new || entry->second == *answer, row.where.text(),
                      ": a second, different answer to the same prompt; keep one of them");
        }
      });
  WrittenAnswers out;
  for (const QuestionRow& row : rows) {
    const auto found = answers.find(run::shown_prompt(row.prompt.prompt));
    check_input(found != answers.end(), path, ": there is no answer to the prompt of ", row.where.text());
    check_input(row.later_turns.empty(), path,
                ": answers of one turn cannot be compared with mt_bench's two");
    out.push_back({{found->second}, 0});
  }
  return out;
}

}  // namespace una::study
