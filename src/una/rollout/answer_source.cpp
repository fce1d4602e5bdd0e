#include "una/rollout/answer_source.h"

namespace una::rollout {
namespace {

// Samples from a model in this process.
class ModelSource final : public AnswerSource {
 public:
  ModelSource(model::Model& model, model::AdapterId policy, const text::Tokenizer* tokenizer)
      : model_(model), policy_(policy), tokenizer_(tokenizer) {}
  std::vector<Group> sample(const std::vector<Prompt>& prompts, const std::vector<std::int64_t>& indices,
                            const SampleOptions& options, std::uint64_t key) override {
    return rollout::sample(model_, policy_, tokenizer_, prompts, indices, options, key);
  }

 private:
  model::Model& model_;
  model::AdapterId policy_;
  const text::Tokenizer* tokenizer_;
};

}  // namespace

std::unique_ptr<AnswerSource> make_model_source(model::Model& model, model::AdapterId policy,
                                                const text::Tokenizer* tokenizer) {
  return std::make_unique<ModelSource>(model, policy, tokenizer);
}

}  // namespace una::rollout
