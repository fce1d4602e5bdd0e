#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace una {

// XXH3, 128 bits (library xxhash): content keys for caches, references and manifests. Not cryptographic.
class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;
  Hasher& add(std::string_view bytes);
  Hasher& add_number(std::uint64_t value);
  std::string hex() const;  // 32 hexadecimal digits

 private:
  struct State;
  State* state_;
};

std::string hash_hex(std::string_view bytes);
std::uint64_t hash_u64(std::string_view bytes);
std::string hash_file(const std::string& path);

}  // namespace una
