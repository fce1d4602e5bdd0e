#include "una/objective/kl_baseline.h"

#include <algorithm>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/log.h"
#include "una/objective/methods.h"

namespace una::objective {
namespace {

constexpr double kDecay = 0.9;
constexpr double kFewestRows = 4;

}  // namespace

KlBaseline::KlBaseline(const std::string& kl_source)
    : source_(choose<Source>("kl_source", kl_source,
                             {{"batch", Source::kBatch}, {"ema", Source::kEma}, {"none", Source::kNone}})) {}

void KlBaseline::begin_step(double kl_sum, double kl_count) {
  if (source_ == Source::kNone) { return; }
  check(kl_count >= 0, "objective: a negative number of mismatched rows");
  if (kl_count > 0) {
    sum_ = kDecay * sum_ + kl_sum;
    count_ = kDecay * count_ + kl_count;
  }
  double mean = count_ > 0 ? sum_ / count_ : 0;
  if (source_ == Source::kBatch && kl_count >= kFewestRows) {
    mean = kl_sum / kl_count;
  } else if (source_ == Source::kBatch && !told_) {
    told_ = true;
    log_info(cat("KL baseline: a step with ", kl_count, " mismatched rows (fewer than ", kFewestRows,
                 ") uses the running mean of earlier steps (ema); larger batches have one of their own"));
  }
  z0_ = std::max(0.0, mean);
}

Json KlBaseline::state() const { return Json{{"kl_ema_sum", sum_}, {"kl_ema_count", count_}}; }

void KlBaseline::load_state(const Json& state) {
  sum_ = number_member(state, "kl_ema_sum", 0, "objective state");
  count_ = number_member(state, "kl_ema_count", 0, "objective state");
}

}  // namespace una::objective
