#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "una/weights/safetensors.h"

namespace una::model {

struct ExpectedTensor {
  std::string name;
  std::vector<std::int64_t> shape;
};

// One InputError that lists every missing, surplus and misshapen tensor of `what` (a folder), and tensors
// that do not hold floating-point numbers. Names for which `may_ignore` is true are neither needed nor
// refused.
void check_names(const std::vector<ExpectedTensor>& expected, const weights::StateDict& weights,
                 const std::function<bool(const std::string&)>& may_ignore, const std::string& what);

}  // namespace una::model
