#include "una/study/evaluate/eval_model.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/hub/cache.h"
#include "una/weights/peft_adapter.h"

namespace una::study {
namespace {

// `word` is a folder, or a name in the Hugging Face cache; the policy is called as its last part.
EvalPolicy load_policy(const std::string& word, setup::ModelSetup& setup,
                       const std::vector<EvalPolicy>& others) {
  std::string folder = word;
  hub::resolve(folder);
  const LoraSpec spec = weights::read_adapter_config(folder);
  const weights::StateDict state = weights::read_adapter_weights(folder);
  EvalPolicy policy{std::filesystem::path(absolute_path(word)).filename().string(),
                    setup::adapter_hash(spec, state), setup.model->load_adapter(spec, state, false, folder)};
  const auto taken = [&](const std::string& name) {
    return std::any_of(others.begin(), others.end(),
                       [&](const EvalPolicy& other) { return other.name == name; });
  };
  const std::string plain = policy.name.empty() ? "adapter" : policy.name;
  policy.name = plain;
  for (int i = 2; taken(policy.name); ++i) { policy.name = cat(plain, "_", i); }
  return policy;
}

}  // namespace

std::vector<std::int32_t> EvalModel::stop_ids() const {
  std::vector<std::int32_t> ids = setup.folder.spec.eos_ids;
  ids.push_back(text.eos_id());
  return ids;
}

EvalModel load_eval_model(const std::string& folder, const std::vector<std::string>& adapters,
                          const setup::Compute& compute) {
  EvalModel out;
  out.setup = setup::load_for_inference(folder, "", compute);
  check_input(!out.setup.model->has_reward_head(), folder,
              ": a reward model cannot answer; una score compares it with pairs");
  out.text = setup::load_text(folder, {}, out.setup.folder.spec);
  out.policies = {{"model", out.setup.folder.content_hash, model::kNoAdapter}};
  for (const std::string& adapter : adapters) {
    out.policies.push_back(load_policy(adapter, out.setup, out.policies));
  }
  return out;
}

}  // namespace una::study
