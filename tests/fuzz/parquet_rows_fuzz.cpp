#include <cstdint>
#include <string_view>

#include "rows_fuzzing.h"

// A Parquet file of rows: footer, schema, pages, dictionaries. A build without Parquet refuses them all.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  una::fuzzing::read_file_of_rows({reinterpret_cast<const char*>(data), size}, "rows.parquet");
  return 0;
}
