#include "una/data/dataset.h"

#include <algorithm>
#include <utility>

#include "una/base/error.h"
#include "una/data/load_rows.h"
#include "una/data/row_cache.h"
#include "una/data/row_summary.h"
#include "una/data/tokenise.h"
#include "una/rows/drops.h"

namespace una::data {
namespace {

class MemoryDataset : public Dataset {
 public:
  MemoryDataset(std::vector<Row> rows, rows::ReadReport report)
      : rows_(std::move(rows)), report_(std::move(report)) {
    detail::RowSummary summary;
    for (const Row& row : rows_) { summary.add(row); }
    hash_ = summary.finish(report_);
  }

  std::int64_t size() const override { return std::ssize(rows_); }
  Row row(std::int64_t index) const override {
    check(index >= 0 && index < size(), "Dataset::row: index out of range");
    return rows_[static_cast<std::size_t>(index)];
  }
  const rows::ReadReport& report() const override { return report_; }
  std::string content_hash() const override { return hash_; }

 private:
  std::vector<Row> rows_;
  rows::ReadReport report_;
  std::string hash_;
};

// All rows, in memory.
class MemorySink final : public detail::RowSink {
 public:
  void add(std::int64_t slot, Row row) override { rows_.push_back({slot, std::move(row)}); }
  std::vector<Row> take() {
    std::stable_sort(rows_.begin(), rows_.end(),
                     [](const Placed& a, const Placed& b) { return a.slot < b.slot; });
    std::vector<Row> rows;
    rows.reserve(rows_.size());
    for (Placed& placed : rows_) {
      placed.row.index = std::ssize(rows);
      rows.push_back(std::move(placed.row));
    }
    return rows;
  }

 private:
  struct Placed {
    std::int64_t slot = 0;
    Row row;
  };
  std::vector<Placed> rows_;
};

}  // namespace

std::unique_ptr<Dataset> load_dataset(const rows::DataOptions& options, const text::Encoder& encoder,
                                      const std::vector<Unit>& accepted, const std::string& dropped_path) {
  rows::check_options(options);
  const std::string cache = detail::row_cache_path(options, encoder, accepted);
  if (!cache.empty()) { return detail::load_cached(cache, options, encoder, accepted, dropped_path); }
  rows::ReadReport report;
  rows::DropLog drops;
  MemorySink sink;
  detail::load_rows(options, encoder, accepted, false, sink, report, drops);
  report.dropped = drops.by_reason();
  drops.write(dropped_path);
  auto dataset = std::make_unique<MemoryDataset>(sink.take(), std::move(report));
  rows::check_dropped(dataset->report(), drops.text(), options.allow_dropped);
  return dataset;
}

std::unique_ptr<Dataset> make_dataset(const std::vector<Example>& examples, const rows::DataOptions& options,
                                      const text::Encoder& encoder) {
  rows::ReadReport report;
  rows::DropLog drops;
  report.rows_read = std::ssize(examples);
  std::vector<Row> rows = detail::tokenise(examples, options, encoder, report, drops);
  report.dropped = drops.by_reason();
  return std::make_unique<MemoryDataset>(std::move(rows), std::move(report));
}

std::unique_ptr<Dataset> make_dataset(std::vector<Row> rows, std::vector<std::string> sources) {
  rows::ReadReport report;
  report.rows_read = std::ssize(rows);
  report.sources = std::move(sources);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    check(!rows[i].sequences.empty(), "make_dataset: a row without sequences");
    for (const Sequence& sequence : rows[i].sequences) { sequence.check(); }
    rows[i].index = static_cast<std::int64_t>(i);
  }
  return std::make_unique<MemoryDataset>(std::move(rows), std::move(report));
}

}  // namespace una::data
