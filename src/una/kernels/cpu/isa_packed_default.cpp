// The packed loops for any machine, compiled with that machine's options (CMakeLists.txt).
#define UNA_VECTOR_BYTES 16
#define UNA_PACKED_TABLES kDefaultPackedTables
#include "una/kernels/cpu/packed_isa.inc"
