#pragma once

#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "una/core/sequence.h"
#include "una/data/dataset.h"
#include "una/data/row_codec.h"

// Tokenised rows on disk, read one at a time. A file: "UNAROWS1", records, the place of each record in the
// order of the rows, a JSON text (report, hash, file names), and a fixed end that says where these begin.
// Numbers are of this machine's byte order. docs/formats/row_cache.md.
namespace una::data::detail {

// Writes one. Rows come in any order of their slots; rows of one slot keep the order of arrival.
class RowStoreWriter {
 public:
  explicit RowStoreWriter(const std::string& path);  // InputError when it cannot be written
  void add(std::int64_t slot, const Row& row);
  // Puts the rows in order and completes `report` (rows_kept, by_unit, lengths, groups). `dropped` is kept as
  // it is. InputError on a full disk. Nothing can be added after.
  void finish(rows::ReadReport report, const std::string& dropped);

 private:
  struct Entry {
    std::int64_t slot = 0;
    std::uint64_t offset = 0;
  };
  void put(const void* bytes, std::size_t count);
  void check_written();
  std::string summarise(rows::ReadReport& report) const;

  std::string path_;
  std::ofstream out_;
  std::uint64_t size_ = 0;
  std::vector<Entry> entries_;
  NameTable files_;
};

// InputError when the file is none of these, or damaged. Rows are read when they are asked for.
struct StoredRows {
  std::unique_ptr<Dataset> dataset;
  std::string dropped;
};
StoredRows open_row_store(const std::string& path);

}  // namespace una::data::detail
