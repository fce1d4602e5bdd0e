#pragma once

#include <cstdint>
#include <string_view>

namespace una {

// Counter-based random numbers: a value is a pure function of (seed, stream, index...), so nothing has to be
// saved to resume and the order of calls does not matter. SplitMix64's finaliser over a running mix of the
// key.
std::uint64_t random_bits(std::uint64_t seed, std::uint64_t stream, std::uint64_t index,
                          std::uint64_t sub = 0);

// A stream's number from its name: stream_id("dropout").
std::uint64_t stream_id(std::string_view name);

double uniform01(std::uint64_t bits);  // [0, 1), 53 bits

// A small sequential generator over one key, for loops that draw many values. Position is the only state.
class Rng {
 public:
  Rng(std::uint64_t seed, std::uint64_t stream, std::uint64_t index = 0)
      : seed_(seed), stream_(stream), index_(index) {}
  std::uint64_t bits() { return random_bits(seed_, stream_, index_, position_++); }
  double uniform() { return uniform01(bits()); }  // [0, 1)
  std::uint64_t below(std::uint64_t n);           // 0 .. n-1, unbiased; n >= 1
  double normal();                                // mean 0, variance 1 (Box-Muller)
  std::uint64_t position() const { return position_; }
  void seek(std::uint64_t position) { position_ = position; }

 private:
  std::uint64_t seed_, stream_, index_, position_ = 0;
};

// A bijection of 0..n-1 drawn from (seed, epoch), evaluated per index in O(1) without a table (a
// cycle-walking Feistel network), so a shuffled epoch of any size resumes at once.
class Permutation {
 public:
  Permutation(std::uint64_t n, std::uint64_t seed, std::uint64_t epoch);
  std::uint64_t operator()(std::uint64_t index) const;  // index < n

 private:
  std::uint64_t n_, seed_, epoch_;
  unsigned half_bits_;
};

}  // namespace una
