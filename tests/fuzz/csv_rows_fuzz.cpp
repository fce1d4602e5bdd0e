#include <cstdint>
#include <string_view>

#include "rows_fuzzing.h"

// A file of rows as CSV: header, quotes, cells that hold numbers, truth values and chats.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  una::fuzzing::read_file_of_rows({reinterpret_cast<const char*>(data), size}, "rows.csv");
  return 0;
}
