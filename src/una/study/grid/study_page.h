#pragma once

#include <string>

#include "una/base/json.h"

namespace una::study {

// One HTML page of a summary, self-contained: for each noise rho over seeds, gain against KL, differences to the
// baseline, the law's ratio and the cost, as plots and tables. A pure function of the summary.
std::string study_page(const Json& summary);

}  // namespace una::study
