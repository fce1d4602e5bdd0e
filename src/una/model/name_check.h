#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "una/weights/safetensors.h"

namespace una::model {

// One tensor that a file must hold.
struct ExpectedTensor {
  std::string name;
  std::vector<std::int64_t> shape;
};

// One InputError for all missing, surplus and misshapen tensors of `what` (a folder), and for tensors that do
// not hold floating-point numbers: their counts, and up to three names of each kind. Names for which
// `may_ignore` is true are neither needed nor refused. `cause`, unless empty, replaces the sentence's first
// part ("the weights do not fit the configuration") where the caller knows why they do not fit.
void check_names(const std::vector<ExpectedTensor>& expected, const weights::StateDict& weights,
                 const std::function<bool(const std::string&)>& may_ignore, const std::string& what,
                 const std::string& cause = "");

// InputError naming `what` and the tensor when a value is NaN or infinite.
void check_finite(const at::Tensor& values, const std::string& name, const std::string& what);

}  // namespace una::model
