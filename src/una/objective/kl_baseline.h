#pragma once

#include <string>

#include "una/base/json.h"

namespace una::objective {

// KTO's z0: an estimate of KL(pi || pi_ref) from mismatched rows, one number per step, at least 0 and without
// beta. Its sums are global; the clamp at 0 comes last.
class KlBaseline {
 public:
  explicit KlBaseline(const std::string& kl_source);  // batch | ema | none

  bool needs_rows() const { return source_ != Source::kNone; }
  // Sets z0 for this step. With "batch" and fewer than four rows it falls back to the running mean and logs
  // that once.
  void begin_step(double kl_sum, double kl_count);
  double z0() const { return z0_; }

  Json state() const;
  void load_state(const Json& state);

 private:
  // The values of kl_source.
  enum class Source { kBatch, kEma, kNone };
  Source source_;
  // Running sums of the unclamped log-ratios and of their number, both decayed per step. Their quotient
  // weights a step by its rows, and the first steps have no bias towards 0.
  double sum_ = 0, count_ = 0;
  double z0_ = 0;
  bool told_ = false;
};

}  // namespace una::objective
