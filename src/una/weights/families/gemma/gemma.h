#pragma once

#include "una/weights/part_names.h"

namespace una::weights::detail {

// The names of Gemma 2 to 4: a norm before and behind attention and MLP.
PartNames four_norms();

}  // namespace una::weights::detail
