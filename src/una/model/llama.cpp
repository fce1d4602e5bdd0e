#include "una/model/family.h"

namespace una::model {

Family llama_family();
Family llama_family() { return {.model_type = "llama"}; }

}  // namespace una::model
