// The loops for avx512, compiled with that machine's options (CMakeLists.txt).
#define UNA_VECTOR_BYTES 64
#define UNA_ISA_NAME "avx512"
#define UNA_TABLES kAvx512Tables
#include "una/kernels/cpu/isa.inc"
