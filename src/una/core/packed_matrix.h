#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace una {

// How the projections of a base model are held.
struct Quantisation {
  enum class Kind : std::uint8_t { kNone, kNf4, kInt8 };
  Kind kind = Kind::kNone;
  bool nested = true;  // nf4: the scales are quantised too (bitsandbytes' double quantisation)

  bool any() const { return kind != Kind::kNone; }
  // "nf4", "nf4, single" or "int8"; "" for none. A part of content hashes.
  const char* name() const {
    if (kind == Kind::kNf4) { return nested ? "nf4" : "nf4, single"; }
    return kind == Kind::kInt8 ? "int8" : "";
  }
};

// A matrix [rows, columns] in few bits a number, as bitsandbytes 0.50 lays it out. All tensors are contiguous
// and on one device.
struct PackedMatrix {
  enum class Form : std::uint8_t {
    // Two numbers a byte, the first in the high half, over the flattened matrix: map[code] * absmax[block].
    kFourBit,
    kInt8Rows,  // one byte a number: code * absmax[row] / 127
  };
  Form form = Form::kFourBit;
  at::ScalarType dtype = at::kFloat;  // that its values are rounded to
  std::int64_t rows = 0, columns = 0;
  at::Tensor codes;        // uint8 [ceil(rows columns / 2)], or int8 [rows, columns]
  at::Tensor map;          // fp32 [16], four-bit only
  std::int64_t block = 0;  // numbers that share a scale, an even number; the last block may be shorter
  at::Tensor absmax;       // fp32 [blocks] or [rows]; undefined where nested
  // Nested scales: absmax = nested_map[nested_codes] * nested_absmax[block / nested_block] + offset, each
  // operation rounded to fp32.
  at::Tensor nested_codes;   // uint8 [blocks]; undefined: not nested
  at::Tensor nested_map;     // fp32 [256]
  at::Tensor nested_absmax;  // fp32
  std::int64_t nested_block = 0;
  float offset = 0;

  std::int64_t numbers() const { return rows * columns; }
  std::int64_t blocks() const { return (numbers() + block - 1) / block; }
  bool nested() const { return nested_codes.defined(); }
};

}  // namespace una
