#pragma once

#include "una/weights/family.h"

// Every model family, in the order in which messages list them. To add one, write a source file x.cpp in this
// folder that defines `Family x_family()`, and add its line here: the declaration and the table follow from
// it.
#define UNA_FAMILIES(FAMILY) \
  FAMILY(llama)              \
  FAMILY(mistral)            \
  FAMILY(qwen2)              \
  FAMILY(qwen3)              \
  FAMILY(gemma)              \
  FAMILY(gemma2)             \
  FAMILY(gemma3)             \
  FAMILY(olmo2)              \
  FAMILY(phi3)               \
  FAMILY(smollm3)

namespace una::weights::detail {

#define UNA_DECLARE_FAMILY(name) Family name##_family();
UNA_FAMILIES(UNA_DECLARE_FAMILY)
#undef UNA_DECLARE_FAMILY

}  // namespace una::weights::detail
