#pragma once

#include <cstdint>

namespace una::gguf {

// The types in which GGUF keeps a model's sizes and factors.
inline std::uint32_t u32(std::int64_t number) { return static_cast<std::uint32_t>(number); }
inline float f32(double number) { return static_cast<float>(number); }

}  // namespace una::gguf
