#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "una/base/files/file_at.h"
#include "una/base/files/file_writer.h"
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
  // `shown`: the path in sentences, since `path` may be temporary. InputError when it cannot be written.
  RowStoreWriter(const std::string& path, const std::string& shown);
  void add(std::int64_t slot, const Row& row);
  // Puts the rows in order and completes `report` (rows_kept, by_unit, lengths, groups). `dropped` is kept as
  // it is. InputError on a full disk. Nothing can be added after.
  void finish(rows::ReadReport report, const std::string& dropped);

 private:
  // Where a slot's row begins in the file.
  struct Entry {
    std::int64_t slot = 0;
    std::uint64_t offset = 0;
  };
  void put(const void* bytes, std::size_t count);
  std::string summarise(rows::ReadReport& report) const;

  std::string path_;
  FileWriter out_;
  std::uint64_t size_ = 0;
  std::vector<Entry> entries_;
  NameTable files_;
};

// InputError when the file is none of these, or damaged. Rows are read when they are asked for.
struct StoredRows {
  std::unique_ptr<Dataset> dataset;
  std::string dropped;
  const FileAt* file = nullptr;  // that the dataset reads from; hold() keeps it in its cache
};
StoredRows open_row_store(const std::string& path, const std::string& shown);

}  // namespace una::data::detail
