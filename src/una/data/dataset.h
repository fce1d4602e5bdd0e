#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "una/base/json.h"
#include "una/core/sequence.h"
#include "una/data/data_options.h"
#include "una/text/chat_template.h"
#include "una/text/tokenizer.h"

namespace una::data {

// A source of a weighted mixture and how many of its rows were drawn.
struct MixturePart {
  std::string name;
  double weight = 0;
  std::int64_t rows = 0, of = 0;
};

// What the reader understood: printed at the start, stored in the run folder.
struct ReadReport {
  std::int64_t rows_read = 0, rows_kept = 0, rows_truncated = 0, boundary_repaired = 0;
  std::map<std::string, std::int64_t> by_shape;  // "TRL pair (strings)" -> rows of the file
  std::map<std::string, std::int64_t> by_unit;   // "pairwise" -> rows kept
  std::map<std::string, std::int64_t> dropped;   // reason -> rows
  std::map<std::string, std::int64_t> ties;      // derived pairs without a winner
  std::map<std::string, std::int64_t> unused;    // scored answers that the chosen view has no place for
  std::vector<std::string> sources;              // names; Row::source indexes it
  std::map<std::int64_t, std::int64_t> lengths;  // tokens -> kept sequences of that length
  std::vector<MixturePart> mixture;              // when weights were given
  std::int64_t groups = 0, largest_group = 0;    // groups of two or more answers
  std::shared_ptr<const ScoreFits> score_fits;   // when a mapping was fitted
  std::string score_mapping;  // "1..10 -> 0..1", "HelpSteer2: (0.65 helpfulness + ...) / 7.6"

  std::string text(std::int64_t max_length) const;  // the table for people
  Json json() const;
};

// The text side of a model folder.
struct TextPipeline {
  const text::Tokenizer* tokenizer = nullptr;
  const text::ChatTemplate* chat_template = nullptr;  // nullptr: none; chat rows are then an InputError
  std::int32_t eos_id = -1;  // ends an answer; -1: none (InputError where one is needed)
  // Other tokens that end a turn too (an eos list in config.json): a template's answer that ends in one of
  // them gets no eos_id behind it.
  std::vector<std::int32_t> other_end_ids = {};
  // false: what the template renders stays as it is, without an end token (how reward models are read).
  bool end_chat_answers = true;
  std::string content_hash = {};  // of tokenizer and template: part of a row cache's key; "": no cache
};

// Tokenised rows by index. The order on disk; shuffling is the reader's business (StepStream).
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual std::int64_t size() const = 0;
  virtual Row row(std::int64_t index) const = 0;
  virtual const ReadReport& report() const = 0;
  virtual std::string content_hash() const = 0;  // of ids, masks, targets, weights, reference columns
};

// Reads, understands, maps, groups and tokenises the files. `accepted`: which units the method takes; a row
// of another unit is an InputError naming it. Dropped rows go to `dropped_path` (a JSONL: file, line, reason)
// when it is not "". Large files (see dataset_cache_dir) are read a thousand rows at a time into a row cache
// that the next run with the same content and settings opens as it is; only ids of rows asked for are then in
// memory.
std::unique_ptr<Dataset> load_dataset(const DataOptions& options, const TextPipeline& pipeline,
                                      const std::vector<Unit>& accepted, const std::string& dropped_path);

// The same from examples already in memory (the demo, rollouts).
std::unique_ptr<Dataset> make_dataset(const std::vector<Example>& examples, const DataOptions& options,
                                      const TextPipeline& pipeline);
// And from token ids handed over (parity with peers, benchmarks).
std::unique_ptr<Dataset> make_dataset(std::vector<Row> rows, std::vector<std::string> sources);

// Only the reading half: rows of the file as examples, before tokenising. For `una preview`, `convert`,
// `generate`.
std::vector<Example> read_examples(const DataOptions& options, ReadReport& report,
                                   const std::string& dropped_path);

// Rows whose answers wait for labels: `responses` of plain strings are read too, and what stands beside the
// answers (scores, labels, which one was chosen) is not looked at. Only empty answers, rows without any and
// what no shape can make sense of leave.
std::vector<Example> read_answers(const DataOptions& options, ReadReport& report);

// The example's prompt alone as ids, with the generation prompt of chat templates; loss_mask is all zero.
// With overlong = truncate_prompt_left it is cut to max_prompt_length, else it keeps its length. Throws
// InputError that names the row.
Sequence tokenise_prompt(const Example& example, const DataOptions& options, const TextPipeline& pipeline);

}  // namespace una::data
