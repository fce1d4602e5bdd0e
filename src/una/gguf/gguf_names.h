#pragma once

#include <string>

#include "una/gguf/gguf_architecture.h"
#include "una/weights/part_names.h"

namespace una::gguf {

// llama.cpp's name of a module: "model.layers.3.self_attn.q_proj" -> "blk.3.attn_q". InternalError when no part of the
// family has the name.
std::string gguf_module_name(const GgufArchitecture& arch, const weights::PartNames& names,
                             const std::string& module);

}  // namespace una::gguf
