#include "una/weights/safetensors.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <string_view>
#include <tuple>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include "una/base/error.h"
#include "una/base/files/file_writer.h"
#include "una/base/files/files.h"
#include "una/base/files/watched_file.h"
#include "una/base/format.h"
#include "una/weights/safetensors_header.h"
#include "una/weights/safetensors_stream.h"

namespace una::weights {
namespace {

using detail::DtypeRow;
using detail::TensorEntry;

// A view of the mapped bytes that keeps the mapping alive; a copy where the file places the data off its
// alignment (files of other writers only).
at::Tensor tensor_of(const TensorEntry& entry, const char* data, const std::shared_ptr<MappedFile>& file) {
  const at::TensorOptions options(entry.dtype->type);
  if (entry.begin == entry.end) { return at::empty(entry.shape, options); }
  const char* address = data + entry.begin;
  if (reinterpret_cast<std::uintptr_t>(address) % entry.dtype->bytes != 0) {
    at::Tensor copy = at::empty(entry.shape, options);
    std::memcpy(copy.mutable_data_ptr(), address, entry.end - entry.begin);
    return copy;
  }
  return at::from_blob(const_cast<char*>(address), entry.shape, [file](void*) {}, options);
}

// Weights that train are read from the mapping until the run ends, so a change of the file must be noticed.
struct HeldFile {
  explicit HeldFile(const std::string& path) : file(path), watch(path, file.data(), file.size()) {}
  MappedFile file;
  WatchedFile watch;
};

// A tensor to write, with its entry in the header.
struct Planned {
  TensorEntry entry;
  const StreamedTensor* tensor;
};

// The library's order and offsets: descending dtype rank, then name.
std::vector<Planned> plan(const std::vector<StreamedTensor>& tensors) {
  std::vector<Planned> out;
  std::set<std::string_view> names;
  for (const StreamedTensor& tensor : tensors) {
    check(names.insert(tensor.name).second, "write_safetensors: a name twice");
    check(tensor.name != "__metadata__", "write_safetensors: a tensor called __metadata__");
    const DtypeRow* dtype = detail::find_dtype(tensor.dtype);
    check(dtype != nullptr, "write_safetensors: a dtype that safetensors files cannot hold");
    out.push_back({TensorEntry{tensor.name, dtype, tensor.shape, 0, 0}, &tensor});
  }
  std::sort(out.begin(), out.end(), [](const Planned& a, const Planned& b) {
    return std::tie(a.entry.dtype, a.entry.name) < std::tie(b.entry.dtype, b.entry.name);
  });
  std::uint64_t at = 0;
  for (Planned& each : out) {
    each.entry.begin = at;
    std::uint64_t numbers = 1;
    for (const std::int64_t size : each.entry.shape) { numbers *= static_cast<std::uint64_t>(size); }
    at += numbers * each.entry.dtype->bytes;
    each.entry.end = at;
  }
  return out;
}

}  // namespace

StateDict read_safetensors(const std::string& path) {
  const auto held = std::make_shared<HeldFile>(path);
  const std::shared_ptr<MappedFile> file(held, &held->file);
  const detail::Header header = detail::parse_header(file->bytes(), path);
  StateDict out;
  for (const TensorEntry& entry : header.tensors) {
    out.add(entry.name, tensor_of(entry, file->data() + header.data_start, file));
  }
  out.add_file(file);
  return out;
}

void write_safetensors(const std::string& path,
                       const std::vector<std::pair<std::string, at::Tensor>>& tensors) {
  std::vector<StreamedTensor> streamed;
  for (const auto& [name, tensor] : tensors) {
    check(tensor.defined() && tensor.layout() == at::kStrided, "write_safetensors: not a plain tensor");
    streamed.push_back({name, tensor.scalar_type(), tensor.sizes().vec(),
                        [&tensor = tensor](const StreamedTensor::Write& write) { write(tensor); }});
  }
  write_streamed_safetensors(path, std::move(streamed));
}

void write_streamed_safetensors(const std::string& path, std::vector<StreamedTensor> tensors) {
  const std::vector<Planned> planned = plan(tensors);
  std::vector<TensorEntry> entries;
  for (const Planned& each : planned) { entries.push_back(each.entry); }
  const std::string header = detail::print_header(entries);
  write_file_with(path, [&](const std::string& temporary) {
    FileWriter out(temporary, path);
    out.write(header);
    for (const Planned& each : planned) {
      std::uint64_t written = 0;
      each.tensor->parts([&](const at::Tensor& part) {
        const at::Tensor flat = part.detach().cpu().contiguous();
        out.write({static_cast<const char*>(flat.const_data_ptr()), flat.nbytes()});
        written += flat.nbytes();
      });
      check(written == each.entry.end - each.entry.begin,
            "write_safetensors: parts that do not make the tensor");
    }
    out.close();
  });
}

}  // namespace una::weights
