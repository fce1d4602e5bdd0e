#include "una/base/utf8.h"

#include <cstdint>

namespace una {
namespace {

// Bytes of the sequence that `lead` begins; 0 for a byte that begins none.
std::size_t sequence_size(unsigned char lead) {
  if (lead < 0x80) { return 1; }
  if (lead < 0xC2) {
    return 0;  // a continuation, or an overlong form of ASCII
  }
  if (lead < 0xE0) { return 2; }
  if (lead < 0xF0) { return 3; }
  return lead < 0xF5 ? 4 : 0;
}

}  // namespace

std::size_t find_invalid_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const std::size_t size = sequence_size(lead);
    if (size == 0 || size > text.size() - at) { return at; }
    std::uint32_t letter = size == 1 ? lead : lead & (0xFFU >> (size + 1));
    for (std::size_t i = 1; i < size; ++i) {
      const auto next = static_cast<unsigned char>(text[at + i]);
      if ((next & 0xC0U) != 0x80U) { return at; }
      letter = letter << 6U | (next & 0x3FU);
    }
    const bool overlong = (size == 3 && letter < 0x800) || (size == 4 && letter < 0x10000);
    if (overlong || letter > 0x10FFFF || (letter >= 0xD800 && letter <= 0xDFFF)) { return at; }
    at += size;
  }
  return std::string_view::npos;
}

}  // namespace una
