// The packed loops for avx2, compiled with that machine's options (CMakeLists.txt).
#define UNA_VECTOR_BYTES 32
#define UNA_PACKED_TABLES kAvx2PackedTables
#include "una/kernels/cpu/packed_isa.inc"
