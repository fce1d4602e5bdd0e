// The loops of mixer_table.h for avx2, compiled with that machine's options (CMakeLists.txt).
#define UNA_VECTOR_BYTES 32
#define UNA_MIXER_TABLES kAvx2MixerTables
#include "una/kernels/cpu/mixer_isa.inc"
