#include "una/base/bridge_call.h"

#include "una/base/error.h"

namespace una::bridge {

std::string take(una_text text) {
  std::string copy(text.data == nullptr ? "" : text.data, text.size);
  una_text_free(text);
  return copy;
}

void check_status(una_status status, una_text error, const std::string& what) {
  if (status == UNA_OK) { return; }
  const std::string sentence = what + ": " + take(error);
  if (status == UNA_INPUT) { throw InputError(sentence); }
  throw InternalError(sentence);
}

}  // namespace una::bridge
