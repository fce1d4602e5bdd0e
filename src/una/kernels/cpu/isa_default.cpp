// The loops for any machine.
#define UNA_VECTOR_BYTES 16
#define UNA_ISA_NAME "default"
#define UNA_TABLES kDefaultTables
#include "una/kernels/cpu/isa.inc"
