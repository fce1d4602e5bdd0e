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
  FAMILY(smollm3)            \
  FAMILY(olmo3)              \
  FAMILY(granite)            \
  FAMILY(ministral)          \
  FAMILY(seed_oss)           \
  FAMILY(exaone4)            \
  FAMILY(ernie4_5)           \
  FAMILY(glm4)               \
  FAMILY(cohere2)            \
  FAMILY(hunyuan_v1_dense)   \
  FAMILY(starcoder2)         \
  FAMILY(stablelm)           \
  FAMILY(gpt_neox)           \
  FAMILY(mixtral)            \
  FAMILY(qwen3_moe)          \
  FAMILY(olmoe)              \
  FAMILY(granitemoe)         \
  FAMILY(gpt_oss)            \
  FAMILY(lfm2)               \
  FAMILY(ministral3)         \
  FAMILY(gemma4)             \
  FAMILY(qwen3_5)

namespace una::weights::detail {

#define UNA_DECLARE_FAMILY(name) Family name##_family();
UNA_FAMILIES(UNA_DECLARE_FAMILY)
#undef UNA_DECLARE_FAMILY

}  // namespace una::weights::detail
