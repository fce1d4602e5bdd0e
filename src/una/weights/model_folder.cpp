#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <set>

#include <ATen/core/Tensor.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/weights/model_index.h"
#include "una/weights/safetensors.h"
#include "una/weights/safetensors_header.h"

// A Hugging Face model folder: one file, or shards with an index.
namespace una::weights {
namespace fs = std::filesystem;
namespace {

constexpr const char* kSingle = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";

using NamedTensor = std::pair<std::string, at::Tensor>;

std::vector<std::string> file_names(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    names.push_back(at->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

[[noreturn]] void refuse_folder(const std::string& folder) {
  check_input(is_folder(folder), "the model folder ", folder, " does not exist");
  for (const std::string& name : file_names(folder)) {
    const bool pickled = (starts_with(name, "pytorch_model") && ends_with(name, ".bin")) ||
                         (starts_with(name, "consolidated") && ends_with(name, ".pth"));
    check_input(!pickled, folder, ": ", name,
                " holds pickled weights, which can run foreign code and are not read; ",
                "convert them to safetensors (in transformers: save_pretrained(folder, ",
                "safe_serialization=True))");
    check_input(!starts_with(name, "adapter_model"), folder,
                " holds an adapter, not a model; name its base model as the model and give this ",
                "folder as the adapter");
    check_input(!(starts_with(name, "model-") && ends_with(name, ".safetensors")), folder, ": ", name,
                " is one shard of several, but ", kIndex, " is missing; fetch it too");
  }
  throw InputError(cat(folder, " holds no weights: neither ", kSingle, " nor ", kIndex, " is there"));
}

// tensor -> file. A file name with a folder in it is refused, because it could point outside the model
// folder.
std::map<std::string, std::string> read_index(const std::string& path) {
  std::map<std::string, std::string> out = detail::read_weight_map(read_file(path), path);
  for (const auto& [tensor, name] : out) {
    check_input(!name.empty() && name.find('/') == std::string::npos && ends_with(name, ".safetensors"), path,
                ": ", detail::quoted(name), " must be the name of a .safetensors file in the folder");
  }
  return out;
}

StateDict read_shards(const std::string& folder) {
  const std::string index_path = cat(folder, "/", kIndex);
  const std::map<std::string, std::string> index = read_index(index_path);
  std::set<std::string> shards;
  for (const auto& [tensor, file] : index) { shards.insert(file); }
  for (const std::string& shard : shards) {
    check_input(is_file(cat(folder, "/", shard)), folder, ": the shard ", shard, " that ", kIndex,
                " names is missing; fetch it again");
  }
  StateDict out;
  for (const std::string& shard : shards) {
    const StateDict part = read_safetensors(cat(folder, "/", shard));
    for (const auto& [name, tensor] : part.all()) {
      const auto listed = index.find(name);
      check_input(listed == index.end() || listed->second == shard, folder, ": the tensor ",
                  detail::quoted(name), " is in ", shard, ", but ", kIndex, " lists it in ",
                  listed == index.end() ? shard : listed->second);
      check_input(!out.has(name), folder, ": the tensor ", detail::quoted(name),
                  " is in two shards and not in ", kIndex);
      out.add(name, tensor);
    }
    out.add_files_of(part);
  }
  for (const auto& [name, file] : index) {
    check_input(out.has(name), folder, ": ", kIndex, " lists ", file, " for the tensor ",
                detail::quoted(name), ", but that file does not hold it");
  }
  return out;
}

// Groups consecutive tensors into shards of up to `shard_bytes`; a larger tensor is a shard of its own.
std::vector<std::vector<NamedTensor>> cut_shards(const std::vector<NamedTensor>& tensors,
                                                 std::int64_t shard_bytes) {
  std::vector<std::vector<NamedTensor>> shards(1);
  std::int64_t held = 0;
  for (const NamedTensor& tensor : tensors) {
    const auto bytes = static_cast<std::int64_t>(tensor.second.nbytes());
    if (!shards.back().empty() && bytes > shard_bytes - held) {
      shards.emplace_back();
      held = 0;
    }
    shards.back().push_back(tensor);
    held += bytes;
  }
  return shards;
}

std::string shard_name(std::size_t number, std::size_t count) {
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "model-%05zu-of-%05zu.safetensors", number, count);
  return buffer.data();
}

// The index of a sharded model, as Hugging Face writes it: tensor -> file, sorted keys.
class Index {
 public:
  void add(const NamedTensor& tensor, const std::string& file) {
    check(!json_["weight_map"].contains(tensor.first), "model.safetensors.index.json: a duplicate name");
    json_["weight_map"][tensor.first] = file;
    total_ += tensor.second.nbytes();
  }

  void write(const std::string& folder) {
    json_["metadata"]["total_size"] = total_;
    write_file(cat(folder, "/", kIndex), json_.dump(2) + "\n");
  }

 private:
  nlohmann::json json_;
  std::uint64_t total_ = 0;
};

void remove_file(const std::string& path) {
  std::error_code error;
  fs::remove(path, error);
  check_input(!error, "cannot remove the old ", path, ": ", error.message());
}

// Removes files of an earlier save that a reader would take for part of this one.
void remove_stale(const std::string& folder, const std::set<std::string>& written) {
  for (const std::string& name : file_names(folder)) {
    const bool weights =
        name == kSingle || name == kIndex || (starts_with(name, "model-") && ends_with(name, ".safetensors"));
    if (weights && written.count(name) == 0) { remove_file(cat(folder, "/", name)); }
  }
}

}  // namespace

StateDict read_model_weights(const std::string& folder) {
  if (is_file(cat(folder, "/", kSingle))) { return read_safetensors(cat(folder, "/", kSingle)); }
  if (is_file(cat(folder, "/", kIndex))) { return read_shards(folder); }
  refuse_folder(folder);
}

void write_model_weights(const std::string& folder, const std::vector<NamedTensor>& tensors,
                         std::int64_t shard_bytes) {
  check(shard_bytes > 0, "write_model_weights: shard_bytes must be positive");
  make_folder(folder);
  const std::vector<std::vector<NamedTensor>> shards = cut_shards(tensors, shard_bytes);
  if (shards.size() == 1) {
    write_safetensors(cat(folder, "/", kSingle), tensors);
    return remove_stale(folder, {kSingle});
  }
  // If this is interrupted, an old index must not name new shards.
  remove_file(cat(folder, "/", kIndex));
  std::set<std::string> written = {kIndex};
  Index index;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const std::string name = shard_name(i + 1, shards.size());
    write_safetensors(cat(folder, "/", name), shards[i]);
    written.insert(name);
    for (const NamedTensor& tensor : shards[i]) { index.add(tensor, name); }
  }
  index.write(folder);
  remove_stale(folder, written);
}

void write_index_of_one(const std::string& folder, const std::vector<NamedTensor>& tensors) {
  if (!is_file(cat(folder, "/", kSingle))) { return; }
  Index index;
  for (const NamedTensor& tensor : tensors) { index.add(tensor, kSingle); }
  index.write(folder);
}

}  // namespace una::weights
