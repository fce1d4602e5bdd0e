// The loops for avx2, compiled with that machine's options (CMakeLists.txt).
#define UNA_VECTOR_BYTES 32
#define UNA_ISA_NAME "avx2"
#define UNA_TABLES kAvx2Tables
#include "una/kernels/cpu/isa.inc"
