#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <c10/core/ScalarType.h>

// The header of a safetensors file as text and numbers: nothing here touches tensor data.
namespace una::weights::detail {

inline constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the limit of the safetensors library

// One dtype of the format.
struct DtypeRow {
  const char* name;  // as in the file
  at::ScalarType type;
  std::uint64_t bytes;
};

// In the order in which the library writes tensors (descending alignment); find_dtype: null when unknown.
const std::vector<DtypeRow>& dtype_rows();
const DtypeRow* find_dtype(std::string_view name);
const DtypeRow* find_dtype(at::ScalarType type);

// One tensor of a file.
struct TensorEntry {
  std::string name;
  const DtypeRow* dtype = nullptr;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0, end = 0;  // bytes from data_start
};

// The header of a whole file.
struct Header {
  std::vector<TensorEntry> tensors;  // by position in the file
  std::uint64_t data_start = 0;
};

// `file` is the whole file. Checks everything: length, JSON, duplicate keys, dtypes, shapes against offsets,
// gaps, overlaps, trailing bytes. InputError naming `what` and the tensor.
Header parse_header(std::string_view file, const std::string& what);

// `weight_map` of a model.safetensors.index.json: tensor -> file. Mixtures of experts have a hundred thousand tensors, more
// keys than parse_json takes. InputError naming `what`.
std::map<std::string, std::string> read_weight_map(std::string_view index, const std::string& what);

// The bytes before the data, padded with spaces to a multiple of 8. `tensors` are in writing order.
std::string print_header(const std::vector<TensorEntry>& tensors);

// A name for messages: quoted, escaped, shortened.
std::string quoted(std::string_view name);

}  // namespace una::weights::detail
