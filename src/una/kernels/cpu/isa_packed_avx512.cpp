// The packed loops for avx512, compiled with that machine's options (CMakeLists.txt).
#define UNA_VECTOR_BYTES 64
#define UNA_PACKED_TABLES kAvx512PackedTables
#include "una/kernels/cpu/packed_isa.inc"
