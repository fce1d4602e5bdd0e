#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include "una/model/model_memory.h"

namespace una::run {

// Operations a second that a device reaches in products of the model's shapes, `rows` tokens at a time, as measured now: the
// best of some tries, since other work slows others. An expert gets its share of the rows. Takes `seconds`, or three tries
// where these take longer. On the CPU by all threads of LibTorch.
double product_rate(const ModelSpec& spec, at::ScalarType dtype, double rows, double seconds = 0.3,
                    at::Device device = at::kCPU);

// The same, remembered for as long as the process lives: what `mfu` in the log is a share of. Rows are rounded to a power of
// two, so that runs of like steps share one measurement. Takes 50 ms. Thread-safe.
double remembered_product_rate(const ModelSpec& spec, at::ScalarType dtype, double rows, at::Device device);

}  // namespace una::run
