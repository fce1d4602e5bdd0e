#include "una/gguf/gguf_adapter.h"

#include <ATen/ops/mul.h>

#include "una/base/error.h"
#include "una/gguf/gguf_architecture.h"
#include "una/gguf/gguf_delta.h"
#include "una/gguf/gguf_names.h"
#include "una/weights/family.h"

namespace una::gguf {

GgufModel gguf_adapter(const ModelSpec& spec, const std::vector<GgufLora>& linears, double alpha,
                       GgmlType type, const std::string& name) {
  const GgufArchitecture& arch = gguf_architecture(spec, name);
  const weights::PartNames& names = weights::find_family(spec).names;
  const double common = alpha > 0 ? alpha : 1;  // llama.cpp takes 0 for "no alpha"
  GgufModel out;
  out.metadata = gguf_general(arch, type, name, "adapter");
  out.metadata.emplace_back("adapter.type", std::string("lora"));
  out.metadata.emplace_back("adapter.lora.alpha", static_cast<float>(common));
  for (const GgufLora& linear : linears) {
    check_input(linear.module != names.input_projection, name, ": llama.cpp adds no adapter to ",
                names.input_projection, ", which this one changes; export the merged model instead");
    const std::string base = gguf_module_name(arch, names, linear.module) + ".weight";
    const double ratio = linear.scale * static_cast<double>(linear.a.size(0)) / common;
    const at::Tensor b = ratio == 1 ? linear.b : at::mul(linear.b, ratio);
    const at::Tensor a = gguf_delta_columns(spec, names, linear.module, linear.a);
    add_gguf_tensor(out, base + ".lora_a", a, a.sizes().vec(), type);
    add_gguf_tensor(out, base + ".lora_b", gguf_rows(spec, linear.module, b), b.sizes().vec(), type);
  }
  return out;
}

}  // namespace una::gguf
