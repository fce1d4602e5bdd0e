#include "una/eval/tasks/task_run.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/generate/engine.h"
#include "una/text/python/strings.h"

namespace una::eval {
namespace {

constexpr std::size_t kChunk = 256;  // rows tokenised and packed together

// The rows of a contestant that are to do.
std::vector<const Item*> pending(const Subtask& subtask, const Contestant& contestant) {
  std::vector<const Item*> items;
  for (const Item& item : subtask.items) {
    if (contestant.journal->find(subtask.name, item) == nullptr) { items.push_back(&item); }
  }
  return items;
}

// A context that brings its BOS gets no second one.
bool adds_special_tokens(const text::Tokenizer& tokenizer, const std::string& context) {
  const std::optional<std::int32_t> bos = tokenizer.bos_id() ? tokenizer.bos_id() : tokenizer.eos_id();
  const std::string written = bos ? tokenizer.token_of(*bos) : "";
  return written.empty() || !starts_with(context, written);
}

void check_finite(const std::vector<double>& sums, const Item& item) {
  check_input(std::all_of(sums.begin(), sums.end(), [](double value) { return std::isfinite(value); }),
              item.where.text(),
              ": the model's log-probs for this row are not finite; is the model damaged, or its "
              "dtype too small for it?");
}

// Scores a chunk of rows; each row is written as soon as its last choice is known.
class ChoiceChunk {
 public:
  ChoiceChunk(const Subtask& subtask, std::span<const Item* const> items, const TaskRunOptions& options)
      : subtask_(subtask), items_(items), options_(options) {
    for (std::size_t i = 0; i < items.size(); ++i) {
      for (ScoredIds& choice : encode_choices(*items[i], *options.tokenizer, options.max_length)) {
        list_.push_back(std::move(choice));
        owner_.push_back(i);
      }
    }
  }

  bool run(const Contestant& contestant) {
    std::vector<std::vector<double>> sums(items_.size());
    std::vector<std::size_t> first(items_.size(), 0), left(items_.size(), 0);
    for (std::size_t i = list_.size(); i-- > 0;) {
      first[owner_[i]] = i;
      ++left[owner_[i]];
    }
    for (std::size_t i = 0; i < items_.size(); ++i) { sums[i].resize(left[i]); }
    for (const PrefixBatch& batch : pack_prefixes(list_, options_.batch_tokens)) {
      if (options_.stopped && options_.stopped()) { return false; }
      const std::vector<double> logps = summed_logps(contestant.policy, batch.batch);
      double done = 0;
      for (std::size_t s = 0; s < logps.size(); ++s) {
        const std::size_t member = batch.members[s], row = owner_[member];
        sums[row][member - first[row]] = logps[s];
        if (--left[row] > 0) { continue; }
        write(contestant, *items_[row], sums[row]);
        done += 1;
      }
      if (options_.advance) { options_.advance(done); }
    }
    return true;
  }

 private:
  void write(const Contestant& contestant, const Item& item, const std::vector<double>& sums) const {
    check_finite(sums, item);
    Json details{{"loglikelihoods", sums}, {"gold", item.gold}};
    contestant.journal->add(subtask_.name, item, details, {score_choices(item, sums)});
  }

  const Subtask& subtask_;
  std::span<const Item* const> items_;
  const TaskRunOptions& options_;
  std::vector<ScoredIds> list_;
  std::vector<std::size_t> owner_;  // the row of each sequence
};

bool run_choices(const Subtask& subtask, const Contestant& contestant, const TaskRunOptions& options) {
  const std::vector<const Item*> items = pending(subtask, contestant);
  for (std::size_t begin = 0; begin < items.size(); begin += kChunk) {
    const std::size_t count = std::min(kChunk, items.size() - begin);
    if (!ChoiceChunk(subtask, std::span(items).subspan(begin, count), options).run(contestant)) {
      return false;
    }
  }
  return true;
}

const char* finish_name(generate::Output::Finish finish) {
  if (finish == generate::Output::Finish::kEos) { return "eos"; }
  return finish == generate::Output::Finish::kStop ? "stop" : "length";
}

std::vector<std::int32_t> prompt_ids(const Item& item, const TaskRunOptions& options) {
  std::vector<std::int32_t> ids =
      options.tokenizer->encode(item.context, adds_special_tokens(*options.tokenizer, item.context));
  const std::int64_t most = options.max_length - options.max_gen_toks;
  check_input(most > 0, "max_gen_toks: answers of ", options.max_gen_toks,
              " tokens leave no room for a prompt in ", options.max_length,
              " tokens; give a smaller --max_gen_toks");
  if (std::ssize(ids) > most) { ids.erase(ids.begin(), ids.end() - most); }
  return ids;
}

// The ids decoded by themselves, as in the harness: a tokenizer of SentencePiece's kind loses the space in front.
std::string answer_text(const std::vector<std::int32_t>& ids, const Task& task,
                        const TaskRunOptions& options) {
  std::string text = options.tokenizer->decode(ids, true);
  for (const std::string& stop : task.stop) { text.resize(std::min(text.find(stop), text.size())); }
  return text;
}

bool run_texts(const Task& task, const Subtask& subtask, const TextScorer& scorer,
               const Contestant& contestant, const TaskRunOptions& options) {
  const std::vector<const Item*> items = pending(subtask, contestant);
  generate::Engine engine(*contestant.policy.model, options.tokenizer,
                          {.max_batch = options.batch_size, .adapter = contestant.policy.adapter});
  const SamplingParams sampling{.max_new_tokens = options.max_gen_toks,
                                .temperature = 0,
                                .stop = task.stop,
                                .stop_ids = options.stop_ids};
  for (std::size_t i = 0; i < items.size(); ++i) {
    engine.add(
        {.id = static_cast<std::int64_t>(i), .prompt = prompt_ids(*items[i], options), .params = sampling});
  }
  while (!engine.done()) {
    if (options.stopped && options.stopped()) { return false; }
    for (const generate::Output& output : engine.step()) {
      const Item& item = *items[static_cast<std::size_t>(output.id)];
      const std::string answer = answer_text(output.ids, task, options);
      const Json details{
          {"answer", answer}, {"finish", finish_name(output.finish)}, {"tokens", output.ids.size()}};
      contestant.journal->add(subtask.name, item, details, {scorer.score(item, answer)});
      if (options.advance) { options.advance(1); }
    }
  }
  return true;
}

}  // namespace

std::vector<ScoredIds> encode_choices(const Item& item, const text::Tokenizer& tokenizer,
                                      std::int64_t max_length) {
  const std::string context(text::python::strip_right(item.context));
  const std::string spaces = item.context.substr(context.size());
  const bool special = adds_special_tokens(tokenizer, context);
  std::vector<std::string> texts = {context};
  for (const std::string& choice : item.choices) { texts.push_back(cat(context, spaces, " ", choice)); }
  std::vector<std::vector<std::int32_t>> ids = tokenizer.encode_batch(texts, special);
  const auto context_size = std::ssize(ids[0]);
  std::vector<ScoredIds> out;
  for (std::size_t i = 1; i < ids.size(); ++i) {
    ScoredIds choice{std::move(ids[i]), 0};
    choice.scored = std::ssize(choice.ids) - context_size;
    check_input(choice.scored > 0 && context_size > 0, item.where.text(), ": the choice '",
                item.choices[i - 1], "' adds no token to its context under this tokenizer");
    check_input(choice.scored <= max_length, item.where.text(), ": the choice '", item.choices[i - 1],
                "' has ", choice.scored, " tokens, more than max_length ", max_length);
    const std::int64_t surplus = std::ssize(choice.ids) - (max_length + 1);
    if (surplus > 0) { choice.ids.erase(choice.ids.begin(), choice.ids.begin() + surplus); }
    out.push_back(std::move(choice));
  }
  return out;
}

bool run_task(const Task& task, const std::vector<Subtask>& subtasks, const TextScorer* scorer,
              const std::vector<Contestant>& contestants, const TaskRunOptions& options) {
  for (const Subtask& subtask : subtasks) {
    for (const Contestant& contestant : contestants) {
      const bool whole = task.by_choice() ? run_choices(subtask, contestant, options)
                                          : run_texts(task, subtask, *scorer, contestant, options);
      if (!whole) { return false; }
    }
  }
  return true;
}

}  // namespace una::eval
