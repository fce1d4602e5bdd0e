#pragma once

#include "una/recipe/command_line.h"

namespace una::recipe {

// `una bench generate`: decoding speed and what the machine allows: its memory's reading speed over a
// buffer of the weights' size and its matrix products' rate, both measured in the same run. Prints one JSON
// line with the keys of bench/peers/generate_hf.py.
int bench_generate(const Arguments& arguments);
HelpPage bench_generate_help();

}  // namespace una::recipe
