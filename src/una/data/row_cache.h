#pragma once

#include <memory>
#include <string>
#include <vector>

#include "una/data/dataset.h"
#include "una/rows/data_options.h"

namespace una::data {

// True if load_dataset would keep the rows of these files in a file of dataset_cache_dir.
bool wants_row_cache(const rows::DataOptions& options);

}  // namespace una::data

namespace una::data::detail {

// The file that holds, or will hold, the tokenised rows of these files by these settings; "" when the rows
// belong in memory (dataset_cache_dir). Its name is a hash of everything that decides: the files' content and
// names, the reading options, tokenizer, template, units. InputError when a folder was given that cannot be
// written.
std::string row_cache_path(const rows::DataOptions& options, const text::Encoder& encoder,
                           const std::vector<Unit>& accepted);

// Opens it, or makes it first (whole or not at all). Rows that were left out are told as load_dataset does.
std::unique_ptr<Dataset> load_cached(const std::string& path, const rows::DataOptions& options,
                                     const text::Encoder& encoder, const std::vector<Unit>& accepted,
                                     const std::string& dropped_path);

}  // namespace una::data::detail
