// The loops of mixer_table.h for avx512, compiled with that machine's options (CMakeLists.txt).
#define UNA_VECTOR_BYTES 64
#define UNA_MIXER_TABLES kAvx512MixerTables
#include "una/kernels/cpu/mixer_isa.inc"
