#pragma once

#include <memory>
#include <string>
#include <vector>

#include "una/rollout/rollout.h"

namespace una::rollout {

// The source of answers: the model in this process, or a server that holds the same weights (endpoint.h). Not thread-safe.
class AnswerSource {
 public:
  virtual ~AnswerSource() = default;
  // One group per prompt, in order, of `num_generations` answers, less those that failed. `key` names the
  // round.
  virtual std::vector<Group> sample(const std::vector<Prompt>& prompts,
                                    const std::vector<std::int64_t>& indices, const SampleOptions& options,
                                    std::uint64_t key) = 0;
  virtual std::string account() const { return ""; }  // of all its work, for the log; "": nothing to say
};

// sample() of rollout.h; all must outlive the result.
std::unique_ptr<AnswerSource> make_model_source(model::Model& model, model::AdapterId policy,
                                                const text::Tokenizer* tokenizer);

}  // namespace una::rollout
