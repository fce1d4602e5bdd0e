// The loops of mixer_table.h for default, compiled with that machine's options (CMakeLists.txt).
#define UNA_VECTOR_BYTES 16
#define UNA_MIXER_TABLES kDefaultMixerTables
#include "una/kernels/cpu/mixer_isa.inc"
