#pragma once

#include <string>
#include <vector>

namespace una::recipe {

// `una bench generate`: decoding speed beside what the machine allows: its memory's reading speed over a
// buffer of the weights' size and its matrix products' rate, both measured in the same run. Prints one JSON
// line with the keys of bench/peers/generate_hf.py.
int bench_generate(const std::vector<std::string>& arguments);

}  // namespace una::recipe
