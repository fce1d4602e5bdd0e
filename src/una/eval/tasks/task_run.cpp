#include "una/eval/tasks/task_run.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <span>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/dist/together.h"
#include "una/generate/engine.h"
#include "una/text/python/strings.h"

namespace una::eval {
namespace {

constexpr std::size_t kChunk = 256;  // rows that a rank tokenises and packs together

// What becomes of the result of a row, by its position among those that were given out.
using Take = std::function<void(std::size_t row, const Json& result)>;

// Rows of a subtask over the ranks.
class SharedRows {
 public:
  explicit SharedRows(dist::Gang& gang) : gang_(gang) {}

  // The rows of a contestant that are to do, on every rank as rank 0's journal has them.
  std::vector<const Item*> pending(const Subtask& subtask, const Contestant& contestant) const {
    Json own = Json::array();
    for (std::size_t i = 0; gang_.leads() && i < subtask.items.size(); ++i) {
      if (contestant.journal->find(subtask.name, subtask.items[i]) == nullptr) { own.push_back(i); }
    }
    std::vector<const Item*> items;
    for (const Json& i : Json::parse(gang_.gather_all(own.dump()).front())) {
      items.push_back(&subtask.items[i.get<std::size_t>()]);
    }
    return items;
  }

  // `work` does the rows that it is told of and hands over each result; it returns false where it was stopped. Rank 0's
  // `take` gets the results of all ranks. False on all of them when one was stopped.
  bool run(std::size_t count, const std::function<bool(const std::vector<std::size_t>&, const Take&)>& work,
           const Take& take) const {
    std::vector<std::size_t> own;
    for (auto i = static_cast<std::size_t>(gang_.rank()); i < count;
         i += static_cast<std::size_t>(gang_.size())) {
      own.push_back(i);
    }
    if (gang_.size() == 1) { return work(own, take); }
    bool whole = true;
    Json mine = Json::array();
    dist::together(gang_, [&] {
      whole = work(own, [&](std::size_t row, const Json& result) { mine.push_back({row, result}); });
    });
    const std::vector<std::uint8_t> bytes = Json::to_cbor(mine);  // keeps numbers bit for bit
    std::map<std::size_t, Json> results;
    for (const std::string& one : gang_.gather_all({bytes.begin(), bytes.end()})) {
      for (const Json& entry : Json::from_cbor(one)) { results[entry[0].get<std::size_t>()] = entry[1]; }
    }
    for (const auto& [row, result] : results) {
      if (gang_.leads()) { take(row, result); }
    }
    return !gang_.any(!whole);
  }

  // Rows of all ranks between two exchanges, with `each` for one.
  std::size_t most(std::size_t each) const { return each * static_cast<std::size_t>(gang_.size()); }
  bool is_alone() const { return gang_.size() == 1; }

 private:
  dist::Gang& gang_;
};

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

// Scores rows; each is handed over as soon as its last choice is known.
class ChoiceChunk {
 public:
  ChoiceChunk(std::span<const Item* const> items, const std::vector<std::size_t>& own,
              const TaskRunOptions& options)
      : items_(items), own_(own), options_(options) {
    for (std::size_t i = 0; i < own.size(); ++i) {
      for (ScoredIds& choice : encode_choices(*items[own[i]], *options.tokenizer, options.max_length)) {
        list_.push_back(std::move(choice));
        owner_.push_back(i);
      }
    }
  }

  bool run(const PolicyUse& policy, const Take& take) {
    std::vector<std::vector<double>> sums(own_.size());
    std::vector<std::size_t> first(own_.size(), 0), left(own_.size(), 0);
    for (std::size_t i = list_.size(); i-- > 0;) {
      first[owner_[i]] = i;
      ++left[owner_[i]];
    }
    for (std::size_t i = 0; i < own_.size(); ++i) { sums[i].resize(left[i]); }
    for (const PrefixBatch& batch : pack_prefixes(list_, options_.batch_tokens)) {
      if (options_.stopped && options_.stopped()) { return false; }
      const std::vector<double> logps = summed_logps(policy, batch.batch);
      for (std::size_t s = 0; s < logps.size(); ++s) {
        const std::size_t member = batch.members[s], row = owner_[member];
        sums[row][member - first[row]] = logps[s];
        if (--left[row] > 0) { continue; }
        check_finite(sums[row], *items_[own_[row]]);
        take(own_[row], Json(sums[row]));
      }
    }
    return true;
  }

 private:
  std::span<const Item* const> items_;
  const std::vector<std::size_t>& own_;  // the rows of this rank among them
  const TaskRunOptions& options_;
  std::vector<ScoredIds> list_;
  std::vector<std::size_t> owner_;  // the row of each sequence
};

bool run_choices(const Subtask& subtask, const Contestant& contestant, const TaskRunOptions& options,
                 const SharedRows& shared) {
  const std::vector<const Item*> items = shared.pending(subtask, contestant);
  for (std::size_t begin = 0; begin < items.size(); begin += shared.most(kChunk)) {
    const std::size_t count = std::min(shared.most(kChunk), items.size() - begin);
    const auto chunk = std::span(items).subspan(begin, count);
    const auto write = [&](std::size_t row, const Json& result) {
      const Json details{{"loglikelihoods", result}, {"gold", chunk[row]->gold}};
      contestant.journal->add(subtask.name, *chunk[row], details,
                              {score_choices(*chunk[row], result.get<std::vector<double>>())});
      if (options.advance) { options.advance(1); }
    };
    const auto work = [&](const std::vector<std::size_t>& own, const Take& take) {
      return ChoiceChunk(chunk, own, options).run(contestant.policy, take);
    };
    if (!shared.run(count, work, write)) { return false; }
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
  check(most > 0, "prompt_ids: answers leave no room for a prompt");
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

// Writes the answers to this rank's rows and hands each over as it ends.
bool write_answers(const Task& task, std::span<const Item* const> items, const std::vector<std::size_t>& own,
                   const Contestant& contestant, const TaskRunOptions& options, const Take& take) {
  generate::Engine engine(*contestant.policy.model, options.tokenizer,
                          {.max_batch = options.batch_size, .adapter = contestant.policy.adapter});
  const SamplingParams sampling{.max_new_tokens = options.max_gen_toks,
                                .temperature = 0,
                                .stop = task.stop,
                                .stop_ids = options.stop_ids};
  for (const std::size_t row : own) {
    engine.add({.id = static_cast<std::int64_t>(row),
                .prompt = prompt_ids(*items[row], options),
                .params = sampling});
  }
  while (!engine.done()) {
    if (options.stopped && options.stopped()) { return false; }
    for (const generate::Output& output : engine.step()) {
      take(static_cast<std::size_t>(output.id), {{"answer", answer_text(output.ids, task, options)},
                                                 {"finish", finish_name(output.finish)},
                                                 {"tokens", output.ids.size()}});
    }
  }
  return true;
}

bool run_texts(const Task& task, const Subtask& subtask, const TextScorer& scorer,
               const Contestant& contestant, const TaskRunOptions& options, const SharedRows& shared) {
  constexpr std::size_t kBatches = 4;  // of a rank between two exchanges
  const std::vector<const Item*> items = shared.pending(subtask, contestant);
  const std::size_t most = shared.is_alone()
                               ? std::max<std::size_t>(1, items.size())
                               : shared.most(kBatches * static_cast<std::size_t>(options.batch_size));
  for (std::size_t begin = 0; begin < items.size(); begin += most) {
    const std::size_t count = std::min(most, items.size() - begin);
    const auto chunk = std::span(items).subspan(begin, count);
    const auto write = [&](std::size_t row, const Json& result) {
      const Item& item = *chunk[row];
      contestant.journal->add(subtask.name, item, result,
                              {scorer.score(item, result.at("answer").get<std::string>())});
      if (options.advance) { options.advance(1); }
    };
    const auto work = [&](const std::vector<std::size_t>& own, const Take& take) {
      return write_answers(task, chunk, own, contestant, options, take);
    };
    if (!shared.run(count, work, write)) { return false; }
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
  dist::SoloGang alone;
  const SharedRows shared(options.gang != nullptr ? *options.gang : alone);
  for (const Subtask& subtask : subtasks) {
    for (const Contestant& contestant : contestants) {
      const bool whole = task.by_choice() ? run_choices(subtask, contestant, options, shared)
                                          : run_texts(task, subtask, *scorer, contestant, options, shared);
      if (!whole) { return false; }
    }
  }
  return true;
}

}  // namespace una::eval
