#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace una::containers {

// Hugging Face's slices of a split: "train[:90%]", "train[90%:]", "train[100:200]", "train[-10%:]". The name
// before the bracket is free, since a file has one split only; percentages are rounded to the nearest row, as
// theirs.

bool is_whole(const std::string& split);  // no slice in it

// First row and the row behind the last, of `size` rows. InputError on another form, or when no row is left.
std::pair<std::int64_t, std::int64_t> slice_of(const std::string& split, std::int64_t size);

}  // namespace una::containers
