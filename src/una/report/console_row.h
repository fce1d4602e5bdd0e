#pragma once

#include <string>

#include "una/report/rows.h"

namespace una::report {

// A logged row as one line for people: "step 10/100  epoch 0.52  loss 0.6931  ...  812 tokens/s  ETA 1:05".
std::string console_row(const StoredRow& stored);

}  // namespace una::report
