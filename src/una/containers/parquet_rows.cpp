#include "una/containers/parquet_rows.h"

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/words/columns.h"

#if UNA_PARQUET
#include "una/base/bridge_call.h"
#endif

namespace una::containers {

#if UNA_PARQUET

ParquetRows::ParquetRows(const std::string& path, std::size_t row_bytes) : path_(path) {
  una_parquet_file file{};
  una_text error{};
  bridge::check_status(una_parquet_open(bridge::borrow(path), kBatch, 2 * row_bytes, &file, &error), error,
                       path);
  rows_ = file.rows;
  size_ = file.count;
  for (const Json& name : Json::parse(bridge::take(file.columns))) {
    const words::Column* column = words::find_column(name.get_ref<const std::string&>());
    if (column != nullptr && (column->is_feedback() || column->is(words::Column::kAnswer))) {
      marks_.push_back(name);
    }
  }
}

ParquetRows::~ParquetRows() { una_parquet_free(rows_); }

std::string ParquetRows::next() {
  una_text lines{};
  una_text error{};
  bridge::check_status(una_parquet_next(rows_, &lines, &error), error, path_);
  return bridge::take(lines);
}

Json ParquetRows::with_nulls(Json row) const {
  for (const std::string& name : marks_) { row.emplace(name, nullptr); }
  return row;
}

#else

ParquetRows::ParquetRows(const std::string& path, std::size_t) {
  throw InputError(
      cat(path,
          ": a Parquet file, and this una was built with UNA_PARQUET off; write it as JSONL, for "
          "example by pandas: read_parquet(FILE).to_json(\"rows.jsonl\", orient=\"records\", "
          "lines=True)"));
}

ParquetRows::~ParquetRows() = default;

std::string ParquetRows::next() { return ""; }

Json ParquetRows::with_nulls(Json row) const { return row; }

#endif

}  // namespace una::containers
