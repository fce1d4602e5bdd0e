#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "una/report/rows.h"

namespace una::report {

// A logged row as one line for people: "step 10/100  epoch 0.52  loss 0.6931  ...  812 tokens/s  ETA 1:05". Rows of
// online runs begin with reward, KL, length and the share of answers cut; a loss that is 0 by its making is left
// out there.
std::string console_row(const StoredRow& stored);

// What the progress bar shows of a step: "step 4/12, margin 0.31", with the main number of the method: the first of
// reward, margin, accuracy and loss that `values` (a step's metrics and "loss") holds.
std::string bar_note(std::int64_t step, std::int64_t total_steps,
                     const std::map<std::string, double>& values);

}  // namespace una::report
