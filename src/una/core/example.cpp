#include "una/core/example.h"

namespace una {

const char* unit_name(Unit unit) {
  switch (unit) {
    case Unit::kSft:
      return "sft";
    case Unit::kPair:
      return "pairwise";
    case Unit::kBinary:
      return "binary";
    case Unit::kScore:
      return "score";
    case Unit::kGroup:
      return "group";
    case Unit::kPrompt:
      return "prompt";
  }
  return "?";
}

}  // namespace una
