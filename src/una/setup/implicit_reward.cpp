#include "una/setup/implicit_reward.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/data/pack.h"
#include "una/eval/log_ratio.h"
#include "una/hub/cache.h"
#include "una/setup/model_setup.h"
#include "una/setup/reward_setup.h"
#include "una/setup/text_setup.h"

namespace una::setup {
namespace {

constexpr const char *kSum = "implicit:", *kMean = "implicit_mean:", *kLogp = "logp:",
                     *kLogpMean = "logp_mean:";

// Without a reference: the log-prob itself.
bool is_plain(const std::string& name) { return starts_with(name, kLogp) || starts_with(name, kLogpMean); }
constexpr std::int64_t kNoLimit = 1 << 20;  // tokens, where the model states none

// beta times the log-ratio of policy and reference, by a policy of its own.
class ImplicitReward final : public reward::Reward {
 public:
  ImplicitReward(std::string name, ModelSetup policy, std::unique_ptr<model::Model> reference,
                 text::Encoder encoder, double beta)
      : name_(std::move(name)),
        policy_(std::move(policy)),
        reference_(std::move(reference)),
        encoder_(std::move(encoder)),
        beta_(beta),
        per_token_(starts_with(name_, kMean) || starts_with(name_, kLogpMean)),
        plain_(is_plain(name_)),
        max_tokens_(policy_.folder.spec.max_positions > 0 ? policy_.folder.spec.position_limit() : kNoLimit) {
  }

  std::vector<reward::Verdict> score(const std::vector<reward::Question>& questions) override;
  std::string description() const override {
    return plain_ ? cat("log-prob ", name_)
                  : cat("implicit reward ", name_, ", beta ", significant(beta_, 4));
  }

 private:
  Row row_of(const reward::Question& question, std::size_t index) const;  // InputError: cannot be scored
  void score_batch(const PackedBatch& batch, std::vector<reward::Verdict>& verdicts) const;

  std::string name_;
  ModelSetup policy_;
  std::unique_ptr<model::Model> reference_;  // nullptr: the policy's model without its adapter
  text::Encoder encoder_;
  double beta_;
  bool per_token_, plain_;
  std::int64_t max_tokens_;
};

// The question encoded as a training row; its number is stored as the row's line.
Row ImplicitReward::row_of(const reward::Question& question, std::size_t index) const {
  const text::Conversation conversation{.prompt = &question.prompt,
                                        .answers = {&question.answer},
                                        .tools = question.tools,
                                        .template_kwargs = question.template_kwargs};
  Row row;
  row.where = {"", static_cast<std::int64_t>(index)};
  row.sequences.push_back(text::sequence_of(encoder_.encode(conversation).answers.at(0)));
  const Sequence& sequence = row.sequences[0];
  check_input(std::ssize(sequence.ids) <= max_tokens_, "the conversation has ", sequence.ids.size(),
              " tokens, the model reads at most ", max_tokens_);
  check_input(sequence.loss_tokens() > 0, "the answer has no token");
  return row;
}

void ImplicitReward::score_batch(const PackedBatch& batch, std::vector<reward::Verdict>& verdicts) const {
  const eval::PolicyUse policy{policy_.model.get(), policy_.policy};
  const eval::PolicyUse reference{reference_ == nullptr ? policy_.model.get() : reference_.get()};
  const at::Tensor logps = eval::token_logps(policy, batch);
  const std::vector<eval::AnswerLogp> answers =
      eval::answer_logps(logps, plain_ ? logps : eval::token_logps(reference, batch), batch);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const eval::AnswerLogp& answer = answers[i];
    const double whole = plain_ ? answer.policy : answer.ratio;
    const double value = beta_ * (per_token_ ? whole / static_cast<double>(answer.tokens) : whole);
    const Where& where = batch.rows[static_cast<std::size_t>(batch.sequences[i].row)];
    reward::Verdict& verdict = verdicts[static_cast<std::size_t>(where.line)];
    verdict =
        std::isfinite(value) ? reward::scored(value) : reward::failed("the reward is not a finite number");
    verdict.tokens = answer.tokens;
  }
}

std::vector<reward::Verdict> ImplicitReward::score(const std::vector<reward::Question>& questions) {
  std::vector<reward::Verdict> verdicts(questions.size());
  std::vector<Row> rows;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    try {
      rows.push_back(row_of(questions[i], i));
    } catch (const InputError& error) { verdicts[i].failure = error.what(); }
  }
  if (rows.empty()) { return verdicts; }
  for (const PackedBatch& batch : data::pack_rows(rows, {})) { score_batch(batch, verdicts); }
  return verdicts;
}

}  // namespace

bool is_implicit(const std::string& name) {
  return starts_with(name, kSum) || starts_with(name, kMean) || is_plain(name);
}

std::optional<double> trained_beta(const std::string& folder) {
  const std::string path = folder + "/run.yaml";
  if (folder.empty() || !is_file(path)) { return std::nullopt; }
  const Settings settings = read_yaml_settings(path);
  const Setting* setting = settings.find("beta");
  if (setting == nullptr) { return std::nullopt; }
  double beta = 0;
  detail::parse_field(*setting, beta);
  return beta;
}

std::unique_ptr<reward::Reward> make_implicit_reward(const std::string& name, const Compute& compute) {
  std::vector<std::string> parts = split(name.substr(name.find(':') + 1), ':');
  check_input(!parts[0].empty() && parts.size() <= 2, "reward ", name,
              ": folders are needed, as in implicit:POLICY or implicit:POLICY:REFERENCE");
  for (std::string& part : parts) {
    hub::resolve(part);
    check_input(is_folder(part), "reward ", name, ": there is no folder '", part, "'");
  }
  const ModelPlace place = model_place(parts[0]);
  const bool plain = is_plain(name);
  check_input(!plain || parts.size() == 1, "reward ", name, ": log-probs have no reference; name one folder");
  check_input(plain || !place.adapter.empty() || parts.size() == 2, "reward ", name, ": ", parts[0],
              " is not an adapter; name its reference, implicit:", parts[0], ":REFERENCE");
  const std::optional<double> beta = plain ? 1.0 : trained_beta(parts[0]);
  if (!beta) { throw InputError(cat("reward ", name, ": there is no run.yaml with a beta in ", parts[0])); }
  ModelSetup policy = load_for_inference(place.folder, place.adapter, compute);
  check_input(!policy.model->has_reward_head(), "reward ", name, ": a reward model; use model:", parts[0]);
  TextSetup text =
      load_text(text_folders(place.folder, place.adapter), rows::DataOptions{}, policy.folder.spec);
  std::unique_ptr<model::Model> reference;
  if (parts.size() == 2) {
    const ModelFolder folder = read_model_folder(parts[1]);
    check_input(folder.spec.vocab_size == policy.folder.spec.vocab_size, "reward ", name,
                ": policy and reference have other vocabularies (", policy.folder.spec.vocab_size, " and ",
                folder.spec.vocab_size, " rows)");
    reference =
        std::make_unique<model::Model>(folder.spec, folder.weights, policy.model->frozen_like(), folder.path);
  }
  return std::make_unique<ImplicitReward>(name, std::move(policy), std::move(reference),
                                          std::move(text.encoder), *beta);
}

}  // namespace una::setup
