#include <cstdint>
#include <string>
#include <string_view>

#include "una/base/error.h"
#include "una/weights/safetensors_header.h"

// The header of a safetensors file: what parse_header lets pass must lie inside the file, since it is mapped.
namespace {

using una::weights::detail::Header;
using una::weights::detail::TensorEntry;

void check_entries(const Header& header, std::size_t file_size) {
  std::uint64_t at = header.data_start;
  for (const TensorEntry& entry : header.tensors) {
    std::uint64_t bytes = entry.dtype->bytes;
    for (const std::int64_t dim : entry.shape) bytes *= static_cast<std::uint64_t>(dim);
    una::check(header.data_start + entry.begin == at, "fuzz: a hole or an overlap");
    una::check(entry.end - entry.begin == bytes, "fuzz: the shape needs other bytes");
    at += bytes;
  }
  una::check(at == file_size, "fuzz: the tensors do not end with the file");
}

void parse(std::string_view file) {
  try {
    check_entries(una::weights::detail::parse_header(file, "file"), file.size());
  } catch (const una::InputError&) {  // the only way out that is allowed
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  parse(input);
  // The same as text and data, with a length in front that is right: else it would hide all that comes
  // behind.
  const std::size_t length = input.rfind('}') + 1;  // 0 when there is none
  std::string file;
  for (std::size_t i = 0; i < 8; ++i)
    file += static_cast<char>(static_cast<unsigned char>(length >> (8 * i)));
  parse(file + std::string(input));
  return 0;
}
