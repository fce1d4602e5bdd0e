#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

namespace una {
class MappedFile;
}

namespace una::weights {

// Names and tensors of a checkpoint, mapped read-only: a tensor is a view of the file that keeps the mapping
// alive. Writing to one is a SIGSEGV; `.to(dtype)` or `.clone()` copies. Concurrent reads are safe.
class StateDict {
 public:
  void add(const std::string& name, at::Tensor tensor);  // InputError for a duplicate name
  bool has(const std::string& name) const { return tensors_.count(name) > 0; }
  const at::Tensor& at(const std::string& name) const;  // InputError naming the tensor
  std::vector<std::string> names() const;               // sorted
  std::size_t size() const { return tensors_.size(); }
  const std::map<std::string, at::Tensor>& all() const { return tensors_; }
  StateDict renamed(const std::function<std::string(const std::string&)>& new_name) const;  // "" drops
  std::string content_hash() const;  // over names, dtypes, shapes and bytes
  // The files whose mappings the tensors view. release_pages() drops their pages from this process' resident
  // memory (they return from the page cache when touched); call it after a model has copied what it needs.
  void add_file(std::shared_ptr<const MappedFile> file) { files_.push_back(std::move(file)); }
  void add_files_of(const StateDict& other) {
    files_.insert(files_.end(), other.files_.begin(), other.files_.end());
  }
  void release_pages() const;

 private:
  std::map<std::string, at::Tensor> tensors_;
  std::vector<std::shared_ptr<const MappedFile>> files_;
};

// Reads one file. Header bounds, dtypes, shapes, overlaps and gaps are checked before any use; InputError
// names the file and the tensor.
StateDict read_safetensors(const std::string& path);

// Reads a model folder: model.safetensors, or model.safetensors.index.json with its shards. Pickled weights
// are refused with advice.
StateDict read_model_weights(const std::string& folder);

// Writes the file whole or not at all, with {"format": "pt"}; tensors are ordered by descending dtype
// alignment, then name, as in the safetensors library. CPU tensors; they are made contiguous.
void write_safetensors(const std::string& path,
                       const std::vector<std::pair<std::string, at::Tensor>>& tensors);

// Writes model.safetensors, or shards of at most `shard_bytes` (> 0) and then model.safetensors.index.json.
// Removes weight files of an earlier save. `tensors` may be views of the files that are replaced.
void write_model_weights(const std::string& folder,
                         const std::vector<std::pair<std::string, at::Tensor>>& tensors,
                         std::int64_t shard_bytes);

}  // namespace una::weights
