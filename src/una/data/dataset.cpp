#include "una/data/dataset.h"

#include <algorithm>
#include <utility>

#include "una/base/error.h"
#include "una/data/drops.h"
#include "una/data/load_rows.h"
#include "una/data/mapped_rows.h"
#include "una/data/row_cache.h"
#include "una/data/row_summary.h"
#include "una/data/tokenise.h"
#include "una/data/views.h"

namespace una::data {
namespace {

using detail::DropLog;
using detail::ReadRow;

class MemoryDataset : public Dataset {
 public:
  MemoryDataset(std::vector<Row> rows, ReadReport report)
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
  const ReadReport& report() const override { return report_; }
  std::string content_hash() const override { return hash_; }

 private:
  std::vector<Row> rows_;
  ReadReport report_;
  std::string hash_;
};

std::vector<Example> read_and_derive(const DataOptions& options, ReadReport& report, DropLog& drops) {
  std::vector<ReadRow> rows = detail::read_mapped(options, report);
  detail::remove_degenerate(rows, drops);
  return detail::derive_views(std::move(rows), options, report, drops);
}

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

// Takes empty answers out; true when one is left (or none was asked for).
bool keep_answers(ReadRow& row, DropLog& drops) {
  std::vector<Response>& responses = row.example.responses;
  if (row.drop.empty() && !responses.empty()) {
    const auto blank = [](const Response& response) { return detail::is_blank(response.text); };
    const auto lost = static_cast<std::int64_t>(std::erase_if(responses, blank));
    for (std::int64_t i = 0; i < lost; ++i) { drops.add(row.example.where, detail::kEmptyAnswer); }
    return !responses.empty();
  }
  if (!row.drop.empty()) { drops.add(row.example.where, row.drop); }
  return row.drop.empty();
}

}  // namespace

std::unique_ptr<Dataset> load_dataset(const DataOptions& options, const TextPipeline& pipeline,
                                      const std::vector<Unit>& accepted, const std::string& dropped_path) {
  detail::check_options(options);
  const std::string cache = detail::row_cache_path(options, pipeline, accepted);
  if (!cache.empty()) { return detail::load_cached(cache, options, pipeline, accepted, dropped_path); }
  ReadReport report;
  DropLog drops;
  MemorySink sink;
  detail::load_rows(options, pipeline, accepted, false, sink, report, drops);
  report.dropped = drops.by_reason();
  drops.write(dropped_path);
  auto dataset = std::make_unique<MemoryDataset>(sink.take(), std::move(report));
  detail::check_dropped(dataset->report(), drops.text(), options.allow_dropped);
  return dataset;
}

std::unique_ptr<Dataset> make_dataset(const std::vector<Example>& examples, const DataOptions& options,
                                      const TextPipeline& pipeline) {
  ReadReport report;
  DropLog drops;
  report.rows_read = std::ssize(examples);
  std::vector<Row> rows = detail::tokenise(examples, options, pipeline, report, drops);
  report.dropped = drops.by_reason();
  return std::make_unique<MemoryDataset>(std::move(rows), std::move(report));
}

std::unique_ptr<Dataset> make_dataset(std::vector<Row> rows, std::vector<std::string> sources) {
  ReadReport report;
  report.rows_read = std::ssize(rows);
  report.sources = std::move(sources);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    check(!rows[i].sequences.empty(), "make_dataset: a row without sequences");
    for (const Sequence& sequence : rows[i].sequences) { sequence.check(); }
    rows[i].index = static_cast<std::int64_t>(i);
  }
  return std::make_unique<MemoryDataset>(std::move(rows), std::move(report));
}

std::vector<Example> read_examples(const DataOptions& options, ReadReport& report,
                                   const std::string& dropped_path) {
  detail::check_options(options);
  DropLog drops;
  std::vector<Example> examples = read_and_derive(options, report, drops);
  report.rows_kept = std::ssize(examples);
  report.by_unit.clear();
  for (const Example& example : examples) { ++report.by_unit[unit_name(example.unit)]; }
  report.dropped = drops.by_reason();
  drops.write(dropped_path);
  return examples;
}

std::vector<Example> read_answers(const DataOptions& options, ReadReport& report) {
  detail::check_options(options);
  DropLog drops;
  std::vector<Example> examples;
  for (ReadRow& row : detail::read_counted(options, report)) {
    if (keep_answers(row, drops)) { examples.push_back(std::move(row.example)); }
  }
  report.rows_kept = std::ssize(examples);
  report.dropped = drops.by_reason();
  return examples;
}

}  // namespace una::data
