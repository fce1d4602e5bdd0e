#pragma once

#include <cstdint>

#include "una/kernels/cpu/dispatch.h"
#include "una/kernels/rms_norm.h"

// The norm loops chosen by kind. For this room's sources only.
namespace una::kernels::detail {

inline constexpr std::int64_t kPartialRows = 128;  // rows summed into one partial of a weight's gradient

// The extent and arithmetic of one call.
struct NormShape {
  std::int64_t rows = 0, cols = 0;
  double eps = 0;
  NormKind kind = NormKind::kRounded;
};

template <class A>
A norm_offset(NormKind kind) {
  return kind == NormKind::kPlusOne ? A{1} : A{0};
}

// inv [rows] or null.
template <class T, class A = cpu::Compute<T>>
void norm_rows(const T* x, const T* w, T* y, A* inv, const NormShape& s) {
  if (s.kind == NormKind::kRounded) {
    table<T>().rms_norm(x, w, y, inv, s.rows, s.cols, static_cast<A>(s.eps));
  } else {
    table<T>().rms_norm_wide(x, w, y, inv, s.rows, s.cols, static_cast<A>(s.eps), norm_offset<A>(s.kind));
  }
}

// Where the gradients go; null: not wanted.
template <class T>
struct NormGradients {
  T* x;
  cpu::Compute<T>* weight;  // [cols], added to
};

template <class T, class A = cpu::Compute<T>>
void norm_rows_backward(const T* dy, const T* x, const T* w, const A* inv, const NormGradients<T>& out,
                        const NormShape& s) {
  if (s.kind == NormKind::kRounded) {
    table<T>().rms_norm_backward(dy, x, w, inv, out.x, out.weight, s.rows, s.cols);
  } else {
    table<T>().rms_norm_wide_backward(dy, x, w, inv, out.x, out.weight, s.rows, s.cols,
                                      norm_offset<A>(s.kind));
  }
}

}  // namespace una::kernels::detail
