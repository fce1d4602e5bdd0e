#include "una/base/hash.h"

#include <array>
#include <cstdio>

#include <xxhash.h>

#include "una/base/error.h"
#include "una/base/files.h"

namespace una {

struct Hasher::State {
  XXH3_state_t* xxh = XXH3_createState();
};

Hasher::Hasher() : state_(new State) {
  check(state_->xxh != nullptr, "XXH3_createState failed");
  XXH3_128bits_reset(state_->xxh);
}

Hasher::~Hasher() {
  XXH3_freeState(state_->xxh);
  delete state_;
}

Hasher& Hasher::add(std::string_view bytes) {
  add_number(bytes.size());  // so that ("ab", "c") and ("a", "bc") differ
  XXH3_128bits_update(state_->xxh, bytes.data(), bytes.size());
  return *this;
}

Hasher& Hasher::add_number(std::uint64_t value) {
  XXH3_128bits_update(state_->xxh, &value, sizeof value);
  return *this;
}

std::string Hasher::hex() const {
  const XXH128_hash_t hash = XXH3_128bits_digest(state_->xxh);
  std::array<char, 40> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%016llx%016llx", static_cast<unsigned long long>(hash.high64),
                static_cast<unsigned long long>(hash.low64));
  return buffer.data();
}

std::string hash_hex(std::string_view bytes) { return Hasher().add(bytes).hex(); }

std::uint64_t hash_u64(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

std::string hash_file(const std::string& path) { return hash_hex(MappedFile(path).bytes()); }

}  // namespace una
