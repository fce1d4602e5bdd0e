#include "una/weights/peft_adapter.h"

#include <ATen/core/Tensor.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/weights/safetensors_header.h"

namespace una::weights {
namespace {

constexpr std::string_view kPrefix = "base_model.model.";
constexpr std::string_view kMagnitude = ".lora_magnitude_vector", kWeightEnd = ".weight";
constexpr const char* kWeightsFile = "adapter_model.safetensors";

}  // namespace

StateDict read_adapter_weights(const std::string& folder) {
  const std::string path = cat(folder, "/", kWeightsFile);
  check_input(is_folder(folder), "the adapter folder ", folder, " does not exist");
  check_input(is_file(path) || !is_file(cat(folder, "/adapter_model.bin")), folder,
              ": adapter_model.bin holds pickled weights, which can run foreign code and are not ",
              "read; load the adapter with PEFT and save it again as safetensors (save_pretrained)");
  check_input(is_file(path), folder, ": ", kWeightsFile, " is missing");
  return read_safetensors(path).renamed([&](const std::string& name) {
    check_input(starts_with(name, kPrefix) && name.size() > kPrefix.size(), path, ": the tensor ",
                detail::quoted(name), " does not begin with \"", kPrefix, "\"; is this a PEFT adapter?");
    // Some converters write PEFT's in-memory name of the magnitude.
    const bool long_name = ends_with(name, cat(kMagnitude, kWeightEnd));
    const std::size_t size = name.size() - (long_name ? kWeightEnd.size() : 0);
    return name.substr(kPrefix.size(), size - kPrefix.size());
  });
}

void write_adapter(const std::string& folder, const LoraSpec& spec,
                   const std::vector<std::pair<std::string, at::Tensor>>& tensors) {
  const std::string config = print_adapter_config(spec);
  std::vector<std::pair<std::string, at::Tensor>> named;
  named.reserve(tensors.size());
  for (const auto& [name, tensor] : tensors) {
    named.emplace_back(starts_with(name, kPrefix) ? name : cat(kPrefix, name), tensor);
  }
  make_folder(folder);
  write_safetensors(cat(folder, "/", kWeightsFile), named);
  // The configuration is written last, so that a folder with one is complete.
  write_file(cat(folder, "/adapter_config.json"), config);
}

}  // namespace una::weights
