#pragma once

#include <string>

#include "una/base/json.h"

namespace una::objective {

// KTO's z0: an estimate of KL(pi || pi_ref) from mismatched rows, one number a step, never below 0 and
// without beta. The sums it is given are global; the clamp comes last.
class KlBaseline {
 public:
  explicit KlBaseline(const std::string& kl_source);  // batch | ema | none

  bool needs_rows() const { return source_ != Source::kNone; }
  // Moves z0 to this step's value. With "batch" and fewer than four rows it falls back to the running mean,
  // and says so once.
  void begin_step(double kl_sum, double kl_count);
  double z0() const { return z0_; }

  Json state() const;
  void load_state(const Json& state);

 private:
  enum class Source { kBatch, kEma, kNone };
  Source source_;
  // Running sums of the unclamped log-ratios and their number, both decayed a step: the mean is theirs, so a
  // step counts by its rows and the first steps have no bias towards 0.
  double sum_ = 0, count_ = 0;
  double z0_ = 0;
  bool told_ = false;
};

}  // namespace una::objective
