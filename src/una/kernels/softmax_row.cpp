#include "una/kernels/softmax_row.h"

#include "una/kernels/cpu/table.h"

namespace una::kernels {

SoftmaxRow softmax_row(const float* logits, float* weights, std::int64_t count, float scale) {
  SoftmaxRow out;
  cpu::tables().softmax_row_f32(logits, weights, count, scale, &out.top, &out.total);
  return out;
}

}  // namespace una::kernels
