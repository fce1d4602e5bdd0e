#pragma once

#include <string>

#include "una/core/model_spec.h"
#include "una/gguf/gguf_writer.h"

// What llama.cpp's gemma4 has that its other graphs lack (src/models/gemma4.cpp, conversion/gemma.py).
namespace una::gguf {

// InputError naming `what` where its graph fixes what the spec has otherwise.
void check_gguf_gemma4(const ModelSpec& spec, const std::string& what);

// The keys that only this architecture has; `name` is the architecture's.
void add_gguf_gemma4(const ModelSpec& spec, const std::string& name, GgufMetadata& out);

}  // namespace una::gguf
