#include "una/base/hash.h"

#include <array>
#include <cstdio>
#include <memory>

#include <xxhash.h>

#include "una/base/error.h"
#include "una/base/files.h"

namespace una {
namespace {

// 32 hexadecimal digits.
std::string digest(const XXH3_state_t* state) {
  const XXH128_hash_t hash = XXH3_128bits_digest(state);
  std::array<char, 40> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%016llx%016llx", static_cast<unsigned long long>(hash.high64),
                static_cast<unsigned long long>(hash.low64));
  return buffer.data();
}

}  // namespace

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

std::string Hasher::hex() const { return digest(state_->xxh); }

std::string hash_hex(std::string_view bytes) { return Hasher().add(bytes).hex(); }

std::uint64_t hash_u64(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

// As hash_hex of the bytes, a block at a time, so that no more of a large file is resident.
std::string hash_file(const std::string& path) {
  constexpr std::size_t kBlock = std::size_t{16} << 20;
  const MappedFile file(path);
  const std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state(XXH3_createState(),
                                                                              XXH3_freeState);
  check(state != nullptr, "XXH3_createState failed");
  XXH3_128bits_reset(state.get());
  const std::uint64_t size = file.size();
  XXH3_128bits_update(state.get(), &size, sizeof size);
  for (std::size_t begin = 0; begin < file.size(); begin += kBlock) {
    const std::string_view block = file.bytes().substr(begin, kBlock);
    XXH3_128bits_update(state.get(), block.data(), block.size());
    file.release_pages();
  }
  return digest(state.get());
}

}  // namespace una
