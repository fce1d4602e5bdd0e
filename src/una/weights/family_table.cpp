#include "una/weights/family.h"

namespace una::weights::detail {

Family llama_family();
Family mistral_family();
Family qwen2_family();

const std::vector<Family>& family_table() {
  static const std::vector<Family> families = {llama_family(), mistral_family(), qwen2_family()};
  return families;
}

}  // namespace una::weights::detail
