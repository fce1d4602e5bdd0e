#include "una/report/trackers/wire_format.h"

#include <bit>

namespace una::report {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::array<std::uint32_t, 256> make_table(std::uint32_t polynomial) {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) { crc = (crc & 1) != 0 ? polynomial ^ (crc >> 1) : crc >> 1; }
    table[i] = crc;
  }
  return table;
}
constexpr std::array<std::uint32_t, 256> kCastagnoliTable = make_table(kCastagnoli);
constexpr std::array<std::uint32_t, 256> kZlibTable = make_table(kZlib);

}  // namespace

void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 128; value >>= 7) { out.push_back(static_cast<char>((value & 127) | 128)); }
  out.push_back(static_cast<char>(value));
}

void put_key(std::string& out, unsigned field, WireType type) { put_varint(out, field << 3U | type); }

void put_field(std::string& out, unsigned field, std::string_view bytes) {
  put_key(out, field, kLength);
  put_varint(out, bytes.size());
  out += bytes;
}

void put_number(std::string& out, unsigned field, std::uint64_t value) {
  put_key(out, field, kVarint);
  put_varint(out, value);
}

std::uint32_t crc32(std::string_view bytes, std::uint32_t polynomial) {
  const auto& table = polynomial == kZlib ? kZlibTable : kCastagnoliTable;
  std::uint32_t crc = ~0U;
  for (const char byte : bytes) { crc = table[(crc ^ static_cast<unsigned char>(byte)) & 255] ^ (crc >> 8); }
  return ~crc;
}

}  // namespace una::report
