#include "una/core/sequence.h"

#include <algorithm>
#include <numeric>

#include "una/base/error.h"

namespace una {

std::int64_t Sequence::loss_tokens() const {
  return std::accumulate(loss_mask.begin(), loss_mask.end(), std::int64_t{0});
}

std::int64_t Sequence::prompt_tokens() const {
  return std::find(loss_mask.begin(), loss_mask.end(), std::uint8_t{1}) - loss_mask.begin();
}

void Sequence::check() const {
  una::check(ids.size() == loss_mask.size(), "Sequence: ids and loss_mask differ in size");
  una::check(!ids.empty() && loss_mask[0] == 0, "Sequence: the first token cannot carry a log-prob");
}

std::int64_t Row::tokens() const {
  std::int64_t total = 0;
  for (const Sequence& sequence : sequences) { total += static_cast<std::int64_t>(sequence.ids.size()); }
  return total;
}

}  // namespace una
