#include <cstdint>
#include <string_view>

#include "rows_fuzzing.h"

// A file of JSON rows: packed or not, lines or an array, every shape, scores, views.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  una::fuzzing::read_file_of_rows({reinterpret_cast<const char*>(data), size}, "rows.jsonl");
  return 0;
}
