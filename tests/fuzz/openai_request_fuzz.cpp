#include <cstdint>
#include <string>

#include "una/base/error.h"
#include "una/openai/chat.h"
#include "una/openai/completions.h"

// A request's body: it is read, or refused with a sentence; what is read can be written again and means the same.
namespace {

template <class Read>
void try_read(const Read& read, const std::string& body) {
  std::string written;
  try {
    written = una::openai::dump(request_json(read(body)));
  } catch (const una::openai::BadRequest& error) {  // the only way out that is allowed
    una::check(!std::string(error.what()).empty(), "fuzz: a refusal without a sentence");
    una::openai::dump(una::openai::error_json(400, error.what(), error.param()));
    return;
  }
  try {
    una::check(una::openai::dump(request_json(read(written))) == written, "fuzz: the written request means something else");
  } catch (const una::openai::BadRequest&) { una::check(false, "fuzz: the written request is refused"); }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string body(reinterpret_cast<const char*>(data), size);
  try_read(una::openai::read_completion_request, body);
  try_read(una::openai::read_chat_request, body);
  return 0;
}
