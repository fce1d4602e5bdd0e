#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace una::model {

// fp32 tensors whose element i is a pure function of (seed, name, i): the same for any thread count.
at::Tensor random_normal(const std::vector<std::int64_t>& shape, double deviation, std::uint64_t seed,
                         const std::string& name);
at::Tensor random_uniform(const std::vector<std::int64_t>& shape, double bound, std::uint64_t seed,
                          const std::string& name);  // in [-bound, bound)

}  // namespace una::model
