#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "una/core/sequence.h"
#include "una/rows/data_options.h"
#include "una/rows/read_report.h"
#include "una/text/encoder.h"

namespace una::data {

// Tokenised rows by index. The order on disk; shuffling is the reader's business (StepStream).
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual std::int64_t size() const = 0;
  virtual Row row(std::int64_t index) const = 0;
  virtual const rows::ReadReport& report() const = 0;
  virtual std::string content_hash() const = 0;  // of ids, masks, targets, weights, reference columns
};

// For `accepted` below: rows of every unit, prompts without an answer too.
inline const std::vector<Unit> kEveryUnit;

// Reads, understands, maps, groups and tokenises the files. `accepted`: which units the method takes; a row
// of another unit is an InputError naming it. Dropped rows go to `dropped_path` (a JSONL: file, line, reason)
// when it is not "". Large files (see dataset_cache_dir) are read a thousand rows at a time into a row cache
// that the next run with the same content and settings opens as it is; only ids of rows asked for are then in
// memory.
std::unique_ptr<Dataset> load_dataset(const rows::DataOptions& options, const text::Encoder& encoder,
                                      const std::vector<Unit>& accepted, const std::string& dropped_path);

// The same from examples already in memory (the demo, rollouts).
std::unique_ptr<Dataset> make_dataset(const std::vector<Example>& examples, const rows::DataOptions& options,
                                      const text::Encoder& encoder);
// And from token ids handed over (parity with peers, benchmarks).
std::unique_ptr<Dataset> make_dataset(std::vector<Row> rows, std::vector<std::string> sources);

// The example's prompt alone as ids, with the generation prompt of chat templates; loss_mask is all zero.
// With overlong = truncate_prompt_left it is cut to max_prompt_length, else it keeps its length. Throws
// InputError that names the row.
Sequence tokenise_prompt(const Example& example, const rows::DataOptions& options,
                         const text::Encoder& encoder);

}  // namespace una::data
