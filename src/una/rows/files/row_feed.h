#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

#include "una/rows/data_options.h"
#include "una/rows/files/row_files.h"
#include "una/rows/files/sources.h"
#include "una/rows/read_report.h"
#include "una/rows/schemas/schema.h"

namespace una::rows {

// The rows of --data in order, a thousand at a time; can be called repeatedly. Those of dataset_train_split,
// at most max_rows. Names with weights are drawn from by mixture.h; a slice is then taken of each of them.
class RowFeed {
 public:
  using Take = std::function<void(std::vector<ReadRow> rows, double done)>;

  // Finds the files. Slices and mixtures are settled here, by reading all rows once. `options` outlives this.
  // InputError: nothing found, no rows for a slice or a mixture, a bad row where all are read.
  explicit RowFeed(const DataOptions& options);

  // `done`: which share of the files' bytes (0..1) is read with these rows. InputError names the first bad
  // row, or says that there is none.
  void each(const Take& take) const;

  const std::vector<MixturePart>& mixture() const { return mixture_; }

 private:
  // Which rows of a source are used, by their number in it.
  struct Part {
    std::int64_t begin = 0, end = std::numeric_limits<std::int64_t>::max();
    std::vector<bool> drawn;  // of [begin, end); empty: all of them
    bool has(std::int64_t row) const;
  };
  void read_source(std::size_t source, std::int64_t most, ReadPass& pass, const Take& take) const;
  void plan_slice();
  void plan_mixture();

  const DataOptions& options_;
  std::vector<DataSource> sources_;
  std::vector<double> bytes_;  // one a source
  std::vector<Part> parts_;    // one a source
  std::vector<MixturePart> mixture_;
  std::int64_t most_ = std::numeric_limits<std::int64_t>::max();  // rows over all parts
};

// What was read, into the report: rows, shapes, columns that nothing has read.
void count_shapes(const std::vector<ReadRow>& rows, ReadReport& report);
// The rows of the files, counted.
std::vector<ReadRow> read_counted(const DataOptions& options, ReadReport& report);

// All of them at once, for commands that work on the whole; a mixture's counts go into `report`.
std::vector<ReadRow> read_files(const DataOptions& options, ReadReport& report);
std::vector<ReadRow> read_files(const DataOptions& options);  // the same, without a report

}  // namespace una::rows
