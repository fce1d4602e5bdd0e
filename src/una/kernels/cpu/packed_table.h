#pragma once

#include <cstdint>

#include "una/kernels/cpu/table.h"

// The CPU loops of numbers in few bits (core/packed_matrix.h), under table.h's rules.
namespace una::kernels::cpu {

// The loops of one element type.
template <class T>
struct PackedTable {
  // Codes and scales of x [count], which begins a block: codes [ceil(count / 2)], absmax [blocks].
  void (*four_bit_codes)(const T* x, std::int64_t count, std::int64_t block, const float* bounds,
                         std::uint8_t* codes, float* absmax);
  // out [count] = map[code] scales[block], rounded; the codes begin a block.
  void (*expand_four_bit)(const std::uint8_t* codes, const float* map, const float* scales, T* out,
                          std::int64_t count, std::int64_t block);
  // out [count] = code absmax / 127, rounded.
  void (*expand_bytes)(const std::int8_t* codes, float absmax, T* out, std::int64_t count);
};

// All of one instruction set.
struct PackedTables {
  PackedTable<float> f32;
  PackedTable<double> f64;
  PackedTable<Bf16> bf16;
};

// Those for the instruction set of tables().
const PackedTables& packed_tables();

}  // namespace una::kernels::cpu
