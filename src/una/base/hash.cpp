#include "una/base/hash.h"

#include <array>
#include <cstdio>
#include <memory>

#include <xxhash.h>

#include "una/base/error.h"
#include "una/base/files/files.h"

namespace una {
namespace {

// XXH3-128 of the bytes that are added.
class Xxh {
 public:
  Xxh() : state_(XXH3_createState(), XXH3_freeState) {
    check(state_ != nullptr, "XXH3_createState failed");
    XXH3_128bits_reset(state_.get());
  }
  void add(std::string_view bytes) { XXH3_128bits_update(state_.get(), bytes.data(), bytes.size()); }
  void add_number(std::uint64_t value) { XXH3_128bits_update(state_.get(), &value, sizeof value); }

  // 32 hexadecimal digits.
  std::string hex() const {
    const XXH128_hash_t hash = XXH3_128bits_digest(state_.get());
    std::array<char, 40> buffer{};
    std::snprintf(buffer.data(), buffer.size(), "%016llx%016llx",
                  static_cast<unsigned long long>(hash.high64), static_cast<unsigned long long>(hash.low64));
    return buffer.data();
  }

 private:
  std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state_;
};

}  // namespace

struct Hasher::State {
  Xxh xxh;
};

Hasher::Hasher() : state_(new State) {}

Hasher::~Hasher() { delete state_; }

Hasher& Hasher::add(std::string_view bytes) {
  add_number(bytes.size());  // so that ("ab", "c") and ("a", "bc") differ
  state_->xxh.add(bytes);
  return *this;
}

Hasher& Hasher::add_number(std::uint64_t value) {
  state_->xxh.add_number(value);
  return *this;
}

std::string Hasher::hex() const { return state_->xxh.hex(); }

std::string hash_hex(std::string_view bytes) { return Hasher().add(bytes).hex(); }

std::uint64_t hash_u64(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

// As hash_hex of the bytes, a block at a time, so that no more of a large file is resident.
std::string hash_file(const std::string& path) {
  constexpr std::size_t kBlock = std::size_t{16} << 20;
  const MappedFile file(path);
  Xxh xxh;
  xxh.add_number(file.size());
  for (std::size_t begin = 0; begin < file.size(); begin += kBlock) {
    xxh.add(file.bytes().substr(begin, kBlock));
    file.release_pages();
  }
  return xxh.hex();
}

}  // namespace una
