#include "una/data/dataset.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/hash.h"
#include "una/data/drops.h"
#include "una/data/mapped_rows.h"
#include "una/data/tokenise.h"
#include "una/data/views.h"

namespace una::data {
namespace {

using detail::DropLog;
using detail::ReadRow;

template <class T>
void add_values(Hasher& hasher, const std::vector<T>& values) {
  hasher.add_number(values.size());
  hasher.add({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)});
}

void add_double(Hasher& hasher, double value) {
  hasher.add({reinterpret_cast<const char*>(&value), sizeof value});
}

// Rows without these columns keep the hash that they had before the columns came to be.
void add_reference(Hasher& hasher, const Sequence& sequence) {
  if (sequence.sampler != Sampler::kUnknown) hasher.add_number(static_cast<std::uint64_t>(sequence.sampler));
  if (sequence.ref_rewards.raw.empty()) return;
  add_values(hasher, sequence.ref_rewards.raw);
  hasher.add_number(sequence.ref_rewards.has_own ? 1 : 0);
}

std::string hash_rows(const std::vector<Row>& rows) {
  Hasher hasher;
  for (const Row& row : rows) {
    hasher.add_number(static_cast<std::uint64_t>(row.unit)).add_number(row.group_id);
    hasher.add_number(static_cast<std::uint64_t>(row.source)).add_number(row.sequences.size());
    add_double(hasher, row.weight);
    add_double(hasher, row.has_margin ? row.margin : -1e300);
    for (const Sequence& sequence : row.sequences) {
      add_values(hasher, sequence.ids);
      add_values(hasher, sequence.loss_mask);
      add_double(hasher, sequence.target);
      add_double(hasher, sequence.raw_score);
      add_reference(hasher, sequence);
    }
  }
  return hasher.hex();
}

class MemoryDataset : public Dataset {
 public:
  MemoryDataset(std::vector<Row> rows, ReadReport report)
      : rows_(std::move(rows)), report_(std::move(report)) {
    std::unordered_map<std::uint64_t, std::int64_t> answers;
    report_.rows_kept = std::ssize(rows_);
    for (const Row& row : rows_) {
      ++report_.by_unit[unit_name(row.unit)];
      for (const Sequence& sequence : row.sequences) report_.lengths.push_back(std::ssize(sequence.ids));
      if (row.unit != Unit::kPair && row.unit != Unit::kPrompt)
        answers[row.group_id] += std::ssize(row.sequences);
    }
    std::sort(report_.lengths.begin(), report_.lengths.end());
    for (const auto& [group, count] : answers) {
      report_.groups += count >= 2 ? 1 : 0;
      report_.largest_group = std::max(report_.largest_group, count);
    }
    hash_ = hash_rows(rows_);
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

std::string accepted_names(const std::vector<Unit>& accepted) {
  std::vector<std::string> names;
  names.reserve(accepted.size());
  for (const Unit unit : accepted) names.emplace_back(unit_name(unit));
  return join(names, ", ");
}

// What --feedback could make of such a row.
std::string advice(const Example& example, const std::vector<Unit>& accepted) {
  const auto takes = [&](Unit unit) {
    return std::find(accepted.begin(), accepted.end(), unit) != accepted.end();
  };
  const bool scored = std::all_of(example.responses.begin(), example.responses.end(),
                                  [](const Response& response) { return response.score.has_value(); });
  if (example.unit == Unit::kPair && takes(Unit::kBinary)) return "; --feedback binary splits pairs";
  if (example.responses.empty() || !scored) return "";
  for (const Unit unit : {Unit::kPair, Unit::kScore, Unit::kGroup, Unit::kBinary}) {
    if (takes(unit)) return cat("; its scores can be used with --feedback ", unit_name(unit));
  }
  return "";
}

void check_accepted(const std::vector<Example>& examples, const std::vector<Unit>& accepted) {
  if (accepted.empty()) return;
  for (const Example& example : examples) {
    if (std::find(accepted.begin(), accepted.end(), example.unit) != accepted.end()) continue;
    throw InputError(cat(example.where.text(), ": the row is of kind ", unit_name(example.unit),
                         ", but the method takes ", accepted_names(accepted), advice(example, accepted)));
  }
}

std::string drop_table(const DropLog& drops) {
  std::string text;
  for (const auto& [reason, count] : drops.by_reason()) {
    text += cat("\n  ", thousands(count), "  ", reason, ", the first in ", drops.first(reason).text());
  }
  return text;
}

void check_dropped(std::int64_t kept, const DropLog& drops, double allowed) {
  const auto dropped = static_cast<double>(drops.size());
  const double all = static_cast<double>(kept) + dropped;
  if (all > 0 && dropped / all <= allowed && kept > 0) return;
  if (kept == 0)
    throw InputError(cat("no row is left to use", drops.size() > 0 ? ":" : "", drop_table(drops)));
  throw InputError(cat(percent(dropped, all), " of the rows would be left out, more than allow_dropped = ",
                       allowed, ":", drop_table(drops), "\nRaise the limit with --allow_dropped ",
                       fixed(std::ceil(dropped / all * 100 - 1e-9) / 100, 2),
                       ", or change --max_length, --overlong or the rows"));
}

// Takes empty answers out; true when one is left (or none was asked for).
bool keep_answers(ReadRow& row, DropLog& drops) {
  std::vector<Response>& responses = row.example.responses;
  if (row.drop.empty() && !responses.empty()) {
    const auto blank = [](const Response& response) { return detail::is_blank(response.text); };
    const auto lost = static_cast<std::int64_t>(std::erase_if(responses, blank));
    for (std::int64_t i = 0; i < lost; ++i) drops.add(row.example.where, detail::kEmptyAnswer);
    return !responses.empty();
  }
  if (!row.drop.empty()) drops.add(row.example.where, row.drop);
  return row.drop.empty();
}

}  // namespace

std::unique_ptr<Dataset> load_dataset(const DataOptions& options, const TextPipeline& pipeline,
                                      const std::vector<Unit>& accepted, const std::string& dropped_path) {
  detail::check_options(options);
  ReadReport report;
  DropLog drops;
  const std::vector<Example> examples = read_and_derive(options, report, drops);
  check_accepted(examples, accepted);
  std::vector<Row> rows = detail::tokenise(examples, options, pipeline, report, drops);
  report.dropped = drops.by_reason();
  drops.write(dropped_path);
  check_dropped(std::ssize(rows), drops, options.allow_dropped);
  return std::make_unique<MemoryDataset>(std::move(rows), std::move(report));
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
    for (const Sequence& sequence : rows[i].sequences) sequence.check();
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
  for (const Example& example : examples) ++report.by_unit[unit_name(example.unit)];
  report.dropped = drops.by_reason();
  drops.write(dropped_path);
  return examples;
}

std::vector<Example> read_answers(const DataOptions& options, ReadReport& report) {
  detail::check_options(options);
  DropLog drops;
  std::vector<Example> examples;
  for (ReadRow& row : detail::read_counted(options, report)) {
    if (keep_answers(row, drops)) examples.push_back(std::move(row.example));
  }
  report.rows_kept = std::ssize(examples);
  report.dropped = drops.by_reason();
  return examples;
}

}  // namespace una::data
