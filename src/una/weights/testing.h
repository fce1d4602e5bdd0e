#pragma once

#include <functional>
#include <string>

#include "una/base/error.h"

// For the tests of this room and of gguf: the sentence of a refusal.
namespace una::weights {

// The InputError's sentence, or "no error".
inline std::string error_of(const std::function<void()>& run) {
  try {
    run();
  } catch (const InputError& error) { return error.what(); }
  return "no error";
}

}  // namespace una::weights
