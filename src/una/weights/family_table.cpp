#include "una/weights/family.h"

namespace una::weights::detail {

Family llama_family();
Family mistral_family();
Family qwen2_family();
Family qwen3_family();
Family gemma_family();
Family gemma2_family();
Family gemma3_family();
Family olmo2_family();
Family phi3_family();
Family smollm3_family();

const std::vector<Family>& family_table() {
  static const std::vector<Family> families = {
      llama_family(),  mistral_family(), qwen2_family(), qwen3_family(), gemma_family(),
      gemma2_family(), gemma3_family(),  olmo2_family(), phi3_family(),  smollm3_family(),
  };
  return families;
}

}  // namespace una::weights::detail
