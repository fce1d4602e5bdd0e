#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "una/base/error.h"
#include "una/text/tokenizer.h"

// A tokenizer.json, and behind a NUL byte a tokenizer_config.json: loaded, and used on a few texts. Offsets must lie in
// the text, and ids below the size.
namespace {

using una::text::Encoding;
using una::text::Tokenizer;

void use(const Tokenizer& tokenizer, const std::string& text) {
  try {
    const Encoding encoding = tokenizer.encode_with_offsets(text, true);
    for (const std::int32_t id : encoding.ids) { una::check(id >= 0, "fuzz: a negative id"); }
    for (const auto& [begin, end] : encoding.offsets) {
      una::check(begin <= end && end <= text.size(), "fuzz: an offset outside the text");
    }
    una::check(tokenizer.encode(text, true) == encoding.ids, "fuzz: other ids without offsets");
    static_cast<void>(tokenizer.decode(encoding.ids, true));
    static_cast<void>(tokenizer.encode_batch({text, "b"}, false));
  } catch (const una::InputError&) {  // the only exception that is allowed
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = std::min(input.find('\0'), size);
  try {
    const Tokenizer tokenizer(input.substr(0, cut), input.substr(std::min(cut + 1, size)), "", "tokenizer");
    for (const char* text : {"", "a b", " Größe? <s>7</s>\n\n  x", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}) {
      use(tokenizer, text);
    }
  } catch (const una::InputError&) {  // the only exception that is allowed
  }
  return 0;
}
