// The loops for avx512 with bfloat16 products, compiled with that machine's options (CMakeLists.txt).
#define UNA_VECTOR_BYTES 64
#define UNA_ISA_NAME "avx512_bf16"
#define UNA_TABLES kAvx512Bf16Tables
#include "una/kernels/cpu/isa.inc"
