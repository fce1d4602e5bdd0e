#include "una/core/packed_batch.h"

namespace una {

std::int64_t PackedBatch::num_tokens() const { return tokens.defined() ? tokens.size(0) : 0; }

std::int64_t PackedBatch::num_logps() const { return logp_rows.defined() ? logp_rows.size(0) : 0; }

std::int64_t PackedBatch::unshared_tokens() const {
  std::int64_t total = 0;
  for (const SequenceMeta& meta : sequences) { total += meta.tokens; }
  return total;
}

}  // namespace una
