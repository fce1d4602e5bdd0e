#pragma once

// a + b, 2 * a, a > 0 on tensors. Without the macro ATen's header would pull in every operator.
#ifndef AT_PER_OPERATOR_HEADERS
#define AT_PER_OPERATOR_HEADERS
#endif
#include <ATen/TensorOperators.h>
