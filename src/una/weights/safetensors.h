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
// alive. Never change one in place (SIGSEGV); `.to(dtype)` or `.clone()` copies.
class StateDict {
 public:
  void add(const std::string& name, at::Tensor tensor);  // InputError on a name that is there already
  bool has(const std::string& name) const { return tensors_.count(name) > 0; }
  const at::Tensor& at(const std::string& name) const;  // InputError naming the tensor
  std::vector<std::string> names() const;               // sorted
  std::size_t size() const { return tensors_.size(); }
  const std::map<std::string, at::Tensor>& all() const { return tensors_; }
  StateDict renamed(const std::function<std::string(const std::string&)>& new_name) const;  // "" drops
  std::string content_hash() const;  // of names, dtypes, shapes and bytes
  // Files whose mapping its tensors view; release_pages() takes their pages out of this process' resident
  // memory (they come back from the page cache when touched). For after a model has copied what it needs.
  void add_file(std::shared_ptr<const MappedFile> file) { files_.push_back(std::move(file)); }
  void add_files_of(const StateDict& other) {
    files_.insert(files_.end(), other.files_.begin(), other.files_.end());
  }
  void release_pages() const;

 private:
  std::map<std::string, at::Tensor> tensors_;
  std::vector<std::shared_ptr<const MappedFile>> files_;
};

// One file. Header bounds, dtype, shape, overlap and holes are checked before any use; InputError names file,
// tensor.
StateDict read_safetensors(const std::string& path);

// A model folder: model.safetensors, or model.safetensors.index.json with its shards. Pickled weights are
// refused with advice.
StateDict read_model_weights(const std::string& folder);

// Written whole or not at all; {"format": "pt"}; tensors ordered by descending dtype alignment, then name, as
// the safetensors library does. Tensors are made contiguous; CPU.
void write_safetensors(const std::string& path,
                       const std::vector<std::pair<std::string, at::Tensor>>& tensors);

// model.safetensors, or shards of at most `shard_bytes` (> 0) with model.safetensors.index.json, written
// last. Weight files of an earlier save are removed. `tensors` may be views of the files that are replaced.
void write_model_weights(const std::string& folder,
                         const std::vector<std::pair<std::string, at::Tensor>>& tensors,
                         std::int64_t shard_bytes);

}  // namespace una::weights
