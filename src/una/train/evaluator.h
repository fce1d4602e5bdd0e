#pragma once

#include <cstdint>
#include <string>

#include "una/base/json.h"
#include "una/core/loss.h"

namespace una::train {

// An evaluation of the policy besides the loss on rows: its own answers to held-out prompts, tasks. It only reads the
// weights. Every rank calls it in the same order and gets the same numbers. Not thread-safe.
class Evaluator {
 public:
  virtual ~Evaluator() = default;
  virtual std::string name() const = 0;          // of its state in checkpoints
  virtual std::string content_hash() const = 0;  // of the rows it asks: a resumed run has the same
  // The policy as it is after `step` steps: metrics, without "eval_". Interrupted when a signal ended it: the same
  // call is then made again by the resumed run.
  virtual MetricSums evaluate(std::int64_t step) = 0;
  // Whether step 0, which later evaluations are compared with, is known.
  virtual bool has_start() const = 0;
  // What it knows of step 0. load_state throws Json::exception on what state() did not give.
  virtual Json state() const = 0;
  virtual void load_state(const Json& state) = 0;
};

}  // namespace una::train
