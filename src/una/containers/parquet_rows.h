#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "una/base/json.h"
#include "una/containers/file_bytes.h"

struct una_parquet;

namespace una::containers {

// The rows of a Parquet file (snappy, gzip, zstd or plain) as lines of JSON, a thousand at a time. Columns
// that are null in a row are left out of it.
class ParquetRows {
 public:
  static constexpr std::int64_t kBatch = 1024;

  // InputError naming the path: no Parquet file, an encoding that is not known, a build without Parquet.
  // `row_bytes`: what a row may have; a batch may take twice as much.
  explicit ParquetRows(const std::string& path, std::size_t row_bytes = kRowBytes);
  ~ParquetRows();
  ParquetRows(const ParquetRows&) = delete;
  ParquetRows& operator=(const ParquetRows&) = delete;

  std::int64_t size() const { return size_; }
  std::string next();  // "" at the end; InputError where the data are damaged
  // The row with the columns that are null in it and whose absence could be read as something else: marks and answers.
  Json with_nulls(Json row) const;

 private:
  std::string path_;
  una_parquet* rows_ = nullptr;
  std::int64_t size_ = 0;
  std::vector<std::string> marks_;  // columns of marks and answers
};

}  // namespace una::containers
