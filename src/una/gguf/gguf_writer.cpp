#include "una/gguf/gguf_writer.h"

#include <bit>
#include <cstring>
#include <set>
#include <string_view>
#include <type_traits>

#include "una/base/error.h"
#include "una/base/files/file_writer.h"
#include "una/base/files/files.h"

namespace una::gguf {
namespace {

static_assert(std::endian::native == std::endian::little, "GGUF files are little-endian");

constexpr std::uint32_t kVersion = 3;
constexpr std::uint64_t kAlignment = 32;
constexpr std::uint32_t kArrayType = 9;

// The format's numbers for its value types.
template <class T>
constexpr std::uint32_t type_number() {
  if constexpr (std::is_same_v<T, std::uint32_t>) { return 4; }
  if constexpr (std::is_same_v<T, std::int32_t>) { return 5; }
  if constexpr (std::is_same_v<T, float>) { return 6; }
  if constexpr (std::is_same_v<T, bool>) { return 7; }
  if constexpr (std::is_same_v<T, std::string>) { return 8; }
}

template <class T>
void append_number(std::string& out, T number) {
  char bytes[sizeof number];
  std::memcpy(bytes, &number, sizeof number);
  out.append(bytes, sizeof number);
}

void append_item(std::string& out, const std::string& text) {
  append_number(out, static_cast<std::uint64_t>(text.size()));
  out += text;
}

template <class T>
void append_item(std::string& out, T number) {
  append_number(out, number);
}

template <class T>
void append_value(std::string& out, const T& value) {
  append_number(out, type_number<T>());
  append_item(out, value);
}

template <class T>
void append_value(std::string& out, const std::vector<T>& list) {
  append_number(out, kArrayType);
  append_number(out, type_number<T>());
  append_number(out, static_cast<std::uint64_t>(list.size()));
  for (const T& item : list) { append_item(out, item); }  // of vector<bool>: a temporary
}

std::uint64_t padded(std::uint64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

std::int64_t numbers_of(const GgufTensor& tensor) {
  return tensor.data.numel() * (1 + static_cast<std::int64_t>(tensor.rest.size()));
}

std::uint64_t size_of(const GgufTensor& tensor) { return ggml_size(numbers_of(tensor), tensor.type); }

void check_tensor(const GgufTensor& tensor) {
  std::int64_t numbers = 1;
  for (const std::int64_t size : tensor.shape) { numbers *= size; }
  check(tensor.data.defined() && numbers_of(tensor) == numbers, "write_gguf: a tensor of another shape");
  check(fits_blocks(tensor.shape, tensor.type), "write_gguf: rows of no whole blocks");
}

void append_tensor_info(std::string& out, const GgufTensor& tensor, std::uint64_t offset) {
  append_item(out, tensor.name);
  append_number(out, static_cast<std::uint32_t>(tensor.shape.size()));
  for (auto size = tensor.shape.rbegin(); size != tensor.shape.rend(); ++size) {
    append_number(out, static_cast<std::uint64_t>(*size));
  }
  append_number(out, static_cast<std::uint32_t>(tensor.type));
  append_number(out, offset);
}

// Everything before the bytes of the first tensor, padded.
std::string header(const GgufMetadata& metadata, const std::vector<GgufTensor>& tensors) {
  std::string out = "GGUF";
  append_number(out, kVersion);
  append_number(out, static_cast<std::uint64_t>(tensors.size()));
  append_number(out, static_cast<std::uint64_t>(metadata.size()));
  std::set<std::string_view> keys, names;
  for (const auto& [key, value] : metadata) {
    check(keys.insert(key).second, "write_gguf: a key twice");
    append_item(out, key);
    std::visit([&](const auto& held) { append_value(out, held); }, value);
  }
  std::uint64_t offset = 0;
  for (const GgufTensor& tensor : tensors) {
    check(names.insert(tensor.name).second, "write_gguf: a tensor twice");
    check_tensor(tensor);
    append_tensor_info(out, tensor, offset);
    offset += padded(size_of(tensor));
  }
  out.resize(padded(out.size()), '\0');
  return out;
}

std::uint64_t write_part(FileWriter& out, const at::Tensor& data, const GgufTensor& tensor) {
  const at::Tensor bytes = ggml_bytes(data, tensor.type, "the tensor " + tensor.name);
  out.write({static_cast<const char*>(bytes.const_data_ptr()), bytes.nbytes()});
  return bytes.nbytes();
}

}  // namespace

void write_gguf(const std::string& path, const GgufMetadata& metadata,
                const std::vector<GgufTensor>& tensors) {
  const std::string start = header(metadata, tensors);
  write_file_with(path, [&](const std::string& temporary) {
    FileWriter out(temporary, path);
    out.write(start);
    for (const GgufTensor& tensor : tensors) {
      std::uint64_t bytes = write_part(out, tensor.data, tensor);
      for (const at::Tensor& each : tensor.rest) { bytes += write_part(out, each, tensor); }
      check(bytes == size_of(tensor), "write_gguf: a tensor of another size");
      out.write(std::string(padded(bytes) - bytes, '\0'));
    }
    out.close();
  });
}

}  // namespace una::gguf
