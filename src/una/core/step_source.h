#pragma once

#include <cstdint>

#include "una/base/json.h"
#include "una/core/step_batch.h"

namespace una {

// Where the training loop gets its steps: rows of a data set (data::StepStream), or the policy's own samples
// (online::RoundSource).
class StepSource {
 public:
  virtual ~StepSource() = default;
  virtual StepBatch next() = 0;  // moves on; begins the next epoch at an epoch's end
  virtual std::int64_t steps_per_epoch() const = 0;
  virtual RunPosition position() const = 0;
  virtual void seek(const RunPosition& position) = 0;
  // After a step that did not fit into memory: makes next() give the same step again, it and all later ones
  // in smaller micro-batches. The new token budget; 0: it cannot.
  virtual std::int64_t shrink() { return 0; }
  // Whether a run can be resumed from here: not while a round of samples is only half used.
  virtual bool resumable() const { return true; }
  // Told what became of each step that it gave (not of steps that were refused for numbers that are not
  // finite); may add to the step's metrics. kEndRound: the rest of the round is left out.
  virtual void end_step(StepVerdict, MetricSums&) {}
  // What it learnt on the way, for checkpoints written where `resumable`; position() is kept apart.
  virtual Json state() const { return Json::object(); }
  virtual void load_state(const Json&) {}
};

}  // namespace una
