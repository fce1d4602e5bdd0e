#pragma once

#include <cstdint>
#include <vector>

#include "una/data/data_options.h"
#include "una/data/dataset.h"
#include "una/data/drops.h"
#include "una/data/schema.h"

namespace una::data::detail {

// Takes degenerate rows out: empty answers, chosen = rejected, exact duplicates, missing scores.
void remove_degenerate(std::vector<ReadRow>& rows, DropLog& drops);

// The same for examples: what a derived row repeats.
void remove_duplicates(std::vector<Example>& examples, DropLog& drops);

// Which pairs a list of scored answers makes.
enum class PairChoice : std::uint8_t {
  kBestWorst,  // one
  kAll,        // each two of different scores
  kAdjacent,   // neighbours in the order of scores
};
struct PairOptions {
  PairChoice choice = PairChoice::kBestWorst;
  double min_margin = 0;  // pairs with a smaller margin are not made, nor kept; 0: no limit
};

// Rows with mapped scores -> examples of the units that `--feedback` asks for. Rows without scores (labels,
// SFT, prompts) pass unchanged, except that `binary` splits pairs. Ties and answers that a view cannot use
// are counted in the report. A derived row stands where its first answer stood.
std::vector<Example> derive_views(std::vector<ReadRow> rows, const DataOptions& options, ReadReport& report,
                                  DropLog& drops, const PairOptions& pairs = {});

}  // namespace una::data::detail
