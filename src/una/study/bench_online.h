#pragma once

#include <string>
#include <vector>

namespace una::study {

// `una bench online`: the online demo with several seeds, compared at equal KL, and the noise of each
// method's gradient at one policy. Prints tables in Markdown and writes online.json. Returns the exit code.
int bench_online(const std::vector<std::string>& arguments);

}  // namespace una::study
