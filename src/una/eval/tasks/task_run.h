#pragma once

#include <functional>
#include <string>
#include <vector>

#include "una/dist/gang.h"
#include "una/eval/log_ratio.h"
#include "una/eval/prefix_batches.h"
#include "una/eval/tasks/row_journal.h"
#include "una/eval/tasks/task.h"
#include "una/text/tokenizer.h"

namespace una::eval {

// A model or one of its adapters, with the file that its results go to.
struct Contestant {
  std::string name;
  PolicyUse policy;
  RowJournal* journal = nullptr;  // nullptr on ranks that do not lead
};

// How a task is run. Borrowed members outlive the call.
struct TaskRunOptions {
  const text::Tokenizer* tokenizer = nullptr;
  std::vector<std::int32_t> stop_ids;  // ids that end a written answer
  std::int64_t max_length = 0;  // tokens of context and answer; longer contexts are cut at their beginning
  std::int64_t batch_tokens = 8192;          // of a batch of choices, shared beginnings counted once
  std::int64_t batch_size = 64;              // answers written at one time
  std::int64_t max_gen_toks = 0;             // longest written answer
  std::function<void(double rows)> advance;  // told of rows that are done
  std::function<bool()> stopped;             // true, on any rank: all leave at the next chance
  dist::Gang* gang = nullptr;                // the ranks that share the rows; nullptr: this process alone
};

// Asks every contestant every row that is not in its journal yet. Returns false where `stopped` ended it. InputError: a
// continuation or answer that does not fit max_length, log-probs that are not finite. Several ranks share the rows; only
// rank 0 has journals.
bool run_task(const Task& task, const std::vector<Subtask>& subtasks, const TextScorer* scorer,
              const std::vector<Contestant>& contestants, const TaskRunOptions& options);

// Context and continuation as lm-evaluation-harness tokenises them: white space that ends the context moves to the
// continuation; the continuation's ids are those of both together behind as many as the context has alone. Cut on the
// left to max_length + 1 ids, the last of which is only predicted. A chance for BOS: the tokenizer's own.
std::vector<ScoredIds> encode_choices(const Item& item, const text::Tokenizer& tokenizer,
                                      std::int64_t max_length);

}  // namespace una::eval
