#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

// Protobuf's wire format and CRC-32, as far as the trackers' files need them. Little-endian machines.
namespace una::report {

enum WireType : std::uint8_t { kVarint = 0, kFixed64 = 1, kLength = 2, kFixed32 = 5 };

template <class T>
void put_bytes(std::string& out, T value) {
  std::array<char, sizeof(T)> bytes{};
  std::memcpy(bytes.data(), &value, sizeof value);
  out.append(bytes.data(), bytes.size());
}

void put_varint(std::string& out, std::uint64_t value);
void put_key(std::string& out, unsigned field, WireType type);
void put_field(std::string& out, unsigned field, std::string_view bytes);  // text, or a message's bytes
void put_number(std::string& out, unsigned field, std::uint64_t value);    // int32, int64, bool

// CRC-32 by a reflected polynomial: 0x82F63B78 is Castagnoli's (CRC-32C), 0xEDB88320 zlib's.
std::uint32_t crc32(std::string_view bytes, std::uint32_t polynomial);
constexpr std::uint32_t kCastagnoli = 0x82F63B78U, kZlib = 0xEDB88320U;

}  // namespace una::report
