#include "una/base/rng.h"

#include <cmath>
#include <numbers>

#include "una/base/error.h"

namespace una {
namespace {

std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

}  // namespace

std::uint64_t random_bits(std::uint64_t seed, std::uint64_t stream, std::uint64_t index, std::uint64_t sub) {
  return mix(mix(mix(mix(seed) ^ stream) ^ index) ^ sub);
}

std::uint64_t stream_id(std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a
  for (const char c : name) { hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL; }
  return hash;
}

double uniform01(std::uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1.0p-53; }

std::uint64_t Rng::below(std::uint64_t n) {
  check(n > 0, "Rng::below(0)");
  const std::uint64_t limit = n * (UINT64_MAX / n);
  std::uint64_t value = bits();
  while (value >= limit) { value = bits(); }
  return value % n;
}

double Rng::normal() {
  const double u = 1.0 - uniform();  // (0, 1]
  const double angle = 2 * std::numbers::pi * uniform();
  return std::sqrt(-2 * std::log(u)) * std::cos(angle);
}

Permutation::Permutation(std::uint64_t n, std::uint64_t seed, std::uint64_t epoch)
    : n_(n), seed_(seed), epoch_(epoch) {
  half_bits_ = 1;
  while (half_bits_ < 32 && (1ULL << (2 * half_bits_)) < n) { ++half_bits_; }
}

std::uint64_t Permutation::operator()(std::uint64_t index) const {
  check(index < n_, "Permutation: index out of range");
  const std::uint64_t mask = (1ULL << half_bits_) - 1;
  std::uint64_t value = index;
  do {  // the network permutes 0 .. 4^half_bits - 1; walk until the value falls inside 0 .. n-1
    std::uint64_t left = value >> half_bits_;
    std::uint64_t right = value & mask;
    for (std::uint64_t round = 0; round < 6; ++round) {
      const std::uint64_t next = left ^ (random_bits(seed_, epoch_, right, round) & mask);
      left = right;
      right = next;
    }
    value = (left << half_bits_) | right;
  } while (value >= n_);
  return value;
}

}  // namespace una
