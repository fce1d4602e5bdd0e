// Resuming in a row cache of many rows: the file is opened, the position sought, one step of 16 rows read, at
// the beginning of an epoch, in its middle and at its end. UNA_BENCH_ROWS rows (100 million: 13 GB in the
// temporary folder), made once for the run and removed behind it.
#include <cstdlib>
#include <filesystem>
#include <string>

#include <benchmark/benchmark.h>
#include <unistd.h>

#include "una/data/pack.h"
#include "una/data/row_store.h"

namespace una::bench {
namespace {

constexpr std::int64_t kRowsPerStep = 16;

rows::ReadReport report() {
  rows::ReadReport out;
  out.sources = {"synthetic"};
  return out;
}

Row row_number(std::int64_t number) {
  Row row;
  row.unit = Unit::kBinary;
  row.where = {"synthetic.jsonl", number + 1};
  row.group_id = static_cast<std::uint64_t>(number);
  Sequence answer;
  answer.ids = {static_cast<std::int32_t>(number % 50000), 1, 2, 3};
  answer.loss_mask = {0, 0, 1, 1};
  answer.target = static_cast<double>(number % 2);
  row.sequences.push_back(answer);
  return row;
}

// The file while the program runs.
class RowFile {
 public:
  RowFile() : path_(std::filesystem::temp_directory_path() / ("una-bench-rows-" + std::to_string(getpid()))) {
    const char* wanted = std::getenv("UNA_BENCH_ROWS");
    const std::int64_t rows = wanted != nullptr ? std::atoll(wanted) : 100'000'000;
    data::detail::RowStoreWriter writer(path_);
    for (std::int64_t i = 0; i < rows; ++i) { writer.add(i, row_number(i)); }
    writer.finish(report(), "");
    // reading right behind gigabytes of writing costs most of a second, once
    data::detail::open_row_store(path_);
  }
  ~RowFile() { std::filesystem::remove(path_); }
  RowFile(const RowFile&) = delete;
  RowFile& operator=(const RowFile&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

const RowFile& file() {
  static const RowFile made;
  return made;
}

// `share` of an epoch is behind.
void resume(benchmark::State& state, double share) {
  const std::string& path = file().path();
  std::int64_t rows = 0;
  for (auto _ : state) {
    const data::detail::StoredRows stored = data::detail::open_row_store(path);
    rows = stored.dataset->size();
    data::StepStream steps(*stored.dataset, kRowsPerStep, 42, true, {}, false);
    const auto step = static_cast<std::int64_t>(share * static_cast<double>(rows / kRowsPerStep - 1));
    steps.seek({step, 0, step * kRowsPerStep});
    benchmark::DoNotOptimize(steps.next());
  }
  state.counters["rows"] = static_cast<double>(rows);
}

BENCHMARK_CAPTURE(resume, at_the_start, 0.0)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(resume, in_the_middle, 0.5)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(resume, at_the_end, 1.0)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace una::bench
