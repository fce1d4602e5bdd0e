#include "una/rows/files/row_feed.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/os/interrupt.h"
#include "una/containers/split.h"
#include "una/rows/files/mixture.h"
#include "una/words/columns.h"

namespace una::rows {
namespace {

// A column whose name says that true is bad (thumbs_down) is a label only where --label_values tells which is which.
void check_labels(const DataOptions& options) {
  for (const std::string& entry : options.columns) {
    const bool is_label = starts_with(entry, "label=") || starts_with(entry, "kto_tag=");
    check_input(!is_label || !words::means_bad(entry) || !options.label_values.empty(), "--columns: \"",
                entry,
                "\" names a column by which true is bad; --label_values good=false|0,bad=true|1 reads it so "
                "(good=true|1,bad=false|0 where the name misleads)");
  }
}

}  // namespace

bool RowFeed::Part::has(std::int64_t row) const {
  return row >= begin && row < end && (drawn.empty() || drawn[static_cast<std::size_t>(row - begin)]);
}

RowFeed::RowFeed(const DataOptions& options)
    : options_(options), sources_(find_sources(options)), parts_(sources_.size()) {
  check_labels(options);
  check_input(options.max_rows >= 0, "max_rows must be 0 (all rows) or positive, not ", options.max_rows);
  for (const DataSource& source : sources_) { bytes_.push_back(static_cast<double>(bytes_of(source.files))); }
  if (sources_.front().weight) {
    plan_mixture();
  } else if (!containers::is_whole(options.dataset_train_split)) {
    plan_slice();
  } else if (options.max_rows > 0) {
    most_ = options.max_rows;
  }
}

// Each file counts by its bytes, so that `done` of the rows of the last one ends at 1.
void RowFeed::read_source(std::size_t source, std::int64_t most, ReadPass& pass, const Take& take) const {
  const DataSource& of = sources_[source];
  const auto at = bytes_.begin() + static_cast<std::ptrdiff_t>(source);
  const double all = std::accumulate(bytes_.begin(), bytes_.end(), 0.0);
  double before = std::accumulate(bytes_.begin(), at, 0.0);
  std::int64_t rows_read = 0;
  for (const std::string& path : of.files) {
    if (rows_read >= most) { return; }
    const auto own = static_cast<double>(bytes_of({path}));
    const auto hand_on = [&](std::vector<ReadRow> rows, double done) {
      if (interrupted()) { throw Interrupted("stopped while the rows were read; nothing was written"); }
      rows_read += std::ssize(rows);
      take(std::move(rows), all > 0 ? (before + done * own) / all : 1);
    };
    read_file_rows(path, of.entry ? &*of.entry : nullptr, options_, most - rows_read, pass, hand_on);
    before += own;
  }
}

void RowFeed::each(const Take& take) const {
  ReadPass pass{Renames(options_.columns), ""};
  std::int64_t left = most_, seen = 0;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const Part& part = parts_[i];
    std::int64_t number = 0;
    const auto filter = [&](std::vector<ReadRow> rows, double done) {
      std::vector<ReadRow> kept;
      for (ReadRow& row : rows) {
        if (part.has(number++)) { kept.push_back(std::move(row)); }
      }
      seen += std::ssize(kept);
      left -= std::ssize(kept);
      if (!kept.empty()) { take(std::move(kept), done); }
    };
    read_source(i, std::min(part.end, left), pass, filter);
  }
  check_input(seen > 0, join(options_.dataset_name, ", "), ": no rows in it");
  pass.renames.check_used(pass.fields);
}

void RowFeed::plan_slice() {
  ReadPass pass{Renames(options_.columns), ""};
  std::vector<std::int64_t> counts(sources_.size(), 0);
  std::int64_t all = 0;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    read_source(i, std::numeric_limits<std::int64_t>::max(), pass,
                [&](const std::vector<ReadRow>& rows, double) { counts[i] += std::ssize(rows); });
    all += counts[i];
  }
  check_input(all > 0, join(options_.dataset_name, ", "), ": no rows in it");
  auto [begin, end] = containers::slice_of(options_.dataset_train_split, all);
  if (options_.max_rows > 0) { end = std::min(end, begin + options_.max_rows); }
  std::int64_t before = 0;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    parts_[i].begin = std::clamp<std::int64_t>(begin - before, 0, counts[i]);
    parts_[i].end = std::clamp<std::int64_t>(end - before, 0, counts[i]);
    before += counts[i];
  }
}

void RowFeed::plan_mixture() {
  ReadPass pass{Renames(options_.columns), ""};
  std::vector<std::vector<std::uint64_t>> draws(sources_.size());
  std::vector<std::int64_t> have;
  std::vector<double> weights;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    read_source(i, std::numeric_limits<std::int64_t>::max(), pass,
                [&](const std::vector<ReadRow>& rows, double) {
                  for (const ReadRow& row : rows) {
                    draws[i].push_back(draw_of(row.example, options_.mixture_seed));
                  }
                });
    check_input(!draws[i].empty(), sources_[i].name, ": no rows in it");
    const auto [begin, end] = containers::slice_of(options_.dataset_train_split, std::ssize(draws[i]));
    draws[i] = {draws[i].begin() + begin, draws[i].begin() + end};
    parts_[i].begin = begin;
    parts_[i].end = end;
    have.push_back(end - begin);
    weights.push_back(sources_[i].weight.value_or(1));
  }
  const std::vector<std::int64_t> counts = mixture_counts(have, weights, options_.max_rows);
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    check_input(counts[i] > 0, "--data: the mixture leaves none of the rows of ", sources_[i].name,
                ": its weight is too small next to the others, or max_rows is");
    parts_[i].drawn = first_drawn(draws[i], counts[i]);
    mixture_.push_back({sources_[i].name, weights[i], counts[i], have[i]});
  }
}

void count_shapes(const std::vector<ReadRow>& rows, ReadReport& report) {
  report.rows_read += std::ssize(rows);
  for (const ReadRow& row : rows) {
    ++report.by_shape[row.shape];
    for (const std::string& column : row.unread) { ++report.unread[column]; }
    for (const std::string& name : row.renamed) { ++report.renamed[name]; }
    if (row.turns_behind > 0) { report.unused["turns behind the last answer"] += row.turns_behind; }
    const std::vector<Response>& answers = row.example.responses;
    if (row.example.unit == Unit::kPair && answers[0].raw_score < answers[1].raw_score &&
        answers[0].raw_score) {
      ++report.unused["scores of pairs whose rejected answer has the higher one"];
    }
  }
}

std::vector<ReadRow> read_files(const DataOptions& options, ReadReport& report) {
  const RowFeed feed(options);
  report.mixture = feed.mixture();
  std::vector<ReadRow> all;
  feed.each([&](std::vector<ReadRow> rows, double) {
    std::move(rows.begin(), rows.end(), std::back_inserter(all));
  });
  return all;
}

std::vector<ReadRow> read_counted(const DataOptions& options, ReadReport& report) {
  std::vector<ReadRow> rows = read_files(options, report);
  count_shapes(rows, report);
  return rows;
}

std::vector<ReadRow> read_files(const DataOptions& options) {
  ReadReport report;
  return read_files(options, report);
}

}  // namespace una::rows
