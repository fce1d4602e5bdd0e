#include <ATen/core/Tensor.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/hash.h"
#include "una/weights/safetensors.h"
#include "una/weights/safetensors_header.h"

namespace una::weights {

void StateDict::add(const std::string& name, at::Tensor tensor) {
  check(tensor.defined(), "StateDict::add: an undefined tensor");
  check_input(tensors_.emplace(name, std::move(tensor)).second, "the tensor ", detail::quoted(name),
              " is there twice");
}

const at::Tensor& StateDict::at(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found != tensors_.end()) { return found->second; }
  const std::string near = nearest_name(name, names());
  throw InputError(cat("the weights hold no tensor ", detail::quoted(name),
                       near.empty() ? std::string() : cat("; the nearest name is ", detail::quoted(near))));
}

std::vector<std::string> StateDict::names() const {
  std::vector<std::string> out;
  out.reserve(tensors_.size());
  for (const auto& [name, tensor] : tensors_) { out.push_back(name); }
  return out;
}

StateDict StateDict::renamed(const std::function<std::string(const std::string&)>& new_name) const {
  StateDict out;
  for (const auto& [name, tensor] : tensors_) {
    const std::string other = new_name(name);
    if (!other.empty()) { out.add(other, tensor); }
  }
  return out;
}

// Mapped files leave the resident set as they are read: a model is often larger than what a run needs of memory.
std::string StateDict::content_hash() const {
  constexpr std::size_t kResident = std::size_t{16} << 20;
  Hasher hasher;
  std::size_t read = 0;
  for (const auto& [name, tensor] : tensors_) {
    const detail::DtypeRow* dtype = detail::find_dtype(tensor.scalar_type());
    check(dtype != nullptr, "StateDict::content_hash: a dtype that safetensors files cannot hold");
    hasher.add(name).add(dtype->name).add_number(static_cast<std::uint64_t>(tensor.dim()));
    for (const std::int64_t dim : tensor.sizes()) { hasher.add_number(static_cast<std::uint64_t>(dim)); }
    const at::Tensor flat = tensor.detach().cpu().contiguous();
    hasher.add({static_cast<const char*>(flat.const_data_ptr()), flat.nbytes()});
    read += flat.nbytes();
    if (read >= kResident) {
      release_pages();
      read = 0;
    }
  }
  return hasher.hex();
}

void StateDict::release_pages() const {
  for (const auto& file : files_) { file->release_pages(); }
}

}  // namespace una::weights
