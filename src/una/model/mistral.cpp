#include "una/model/family.h"

namespace una::model {
Family mistral_family();
Family mistral_family() { return {.model_type = "mistral", .check = check_no_biases}; }

}  // namespace una::model
