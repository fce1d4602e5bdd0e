#pragma once

#include <cstdint>

#include "una/base/json.h"
#include "una/core/step_batch.h"

namespace una {

// The source of the training loop's steps: rows of a data set (data::StepStream), or the policy's own samples
// (online::RoundSource). Used by one thread.
class StepSource {
 public:
  virtual ~StepSource() = default;
  virtual StepBatch next() = 0;  // advances; starts the next epoch at the end of one
  virtual std::int64_t steps_per_epoch() const = 0;
  virtual RunPosition position() const = 0;
  virtual void seek(const RunPosition& position) = 0;
  // After a step that did not fit into memory: makes next() return the same step again, and from then on uses
  // smaller micro-batches. Returns the new token budget, or 0 if it cannot shrink.
  virtual std::int64_t shrink() { return 0; }
  // Whether a run can be resumed from here, which is not so within a round of samples.
  virtual bool resumable() const { return true; }
  // Called with the verdict on each step that it returned (except steps refused for non-finite numbers); may
  // add to the step's metrics. kEndRound: the rest of the round is skipped.
  virtual void end_step(StepVerdict, MetricSums&) {}
  // Its state for checkpoints, which are written where `resumable`; position() is stored separately.
  virtual Json state() const { return Json::object(); }
  virtual void load_state(const Json&) {}
};

}  // namespace una
