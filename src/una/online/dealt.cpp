#include "una/online/dealt.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "una/base/error.h"
#include "una/base/json.h"
#include "una/base/os/interrupt.h"
#include "una/dist/together.h"

namespace una::online {
namespace {

using rollout::Answer;
using rollout::Group;

// CBOR keeps bytes and numbers as they are.
std::string packed(const Json& value) {
  const std::vector<std::uint8_t> bytes = Json::to_cbor(value);
  return {bytes.begin(), bytes.end()};
}

// Text that need not be UTF-8.
Json binary(const std::string& text) {
  return Json::binary(std::vector<std::uint8_t>(text.begin(), text.end()));
}
std::string text_of(const Json& binary) {
  const auto& bytes = binary.get_binary();
  return {bytes.begin(), bytes.end()};
}

Json print_answer(const Answer& answer) {
  const std::int64_t prompt = answer.sequence.prompt_tokens();
  const std::vector<std::int32_t> sampled(answer.sequence.ids.begin() + prompt, answer.sequence.ids.end());
  return {sampled,
          binary(answer.text),
          static_cast<int>(answer.finish),
          answer.sampled_logps,
          answer.retokenised,
          answer.mismatched};
}

Answer read_answer(const Json& parts, const rollout::Prompt& prompt) {
  Answer answer = rollout::make_answer(prompt, parts[0].get<std::vector<std::int32_t>>(), text_of(parts[1]),
                                       static_cast<generate::Output::Finish>(parts[2].get<int>()));
  answer.sampled_logps = parts[3].get<std::vector<float>>();
  answer.retokenised = parts[4].get<bool>();
  answer.mismatched = parts[5].get<bool>();
  return answer;
}

class DealtSource final : public rollout::AnswerSource {
 public:
  DealtSource(std::unique_ptr<rollout::AnswerSource> own, dist::Gang& gang)
      : own_(std::move(own)), gang_(gang) {}

  std::vector<Group> sample(const std::vector<rollout::Prompt>& prompts,
                            const std::vector<std::int64_t>& indices, const rollout::SampleOptions& options,
                            std::uint64_t key) override {
    check(!options.on_group, "answers of several ranks are scored when all are there");
    const auto size = static_cast<std::size_t>(gang_.size());
    std::vector<std::int64_t> share;
    for (auto i = static_cast<std::size_t>(gang_.rank()); i < indices.size(); i += size) {
      share.push_back(indices[i]);
    }
    Json mine = Json::array();
    std::vector<Group> own;
    dist::together(gang_, [&] { own = own_->sample(prompts, share, options, key); });
    for (const Group& group : own) {
      Json answers = Json::array();
      for (const Answer& answer : group.answers) { answers.push_back(print_answer(answer)); }
      mine.push_back({answers, group.remote, group.failures});
    }
    std::vector<Json> all;
    for (const std::string& one : gang_.gather_all(packed(mine))) { all.push_back(Json::from_cbor(one)); }
    std::vector<Group> groups;
    for (std::size_t i = 0; i < indices.size(); ++i) {
      const Json& parts = all[i % size][i / size];
      const rollout::Prompt& prompt = prompts[static_cast<std::size_t>(indices[i])];
      Group group{.prompt = &prompt, .index = indices[i], .remote = parts[1].get<bool>()};
      for (const Json& answer : parts[0]) { group.answers.push_back(read_answer(answer, prompt)); }
      group.failures = parts[2].get<std::vector<std::string>>();
      groups.push_back(std::move(group));
    }
    return groups;
  }

  std::string account() const override { return own_->account(); }

 private:
  std::unique_ptr<rollout::AnswerSource> own_;
  dist::Gang& gang_;
};

bool same_prompt(const reward::Question& one, const reward::Question& other) {
  return one.prompt.is_chat == other.prompt.is_chat && one.prompt.plain == other.prompt.plain &&
         std::equal(one.prompt.messages.begin(), one.prompt.messages.end(), other.prompt.messages.begin(),
                    other.prompt.messages.end(), [](const Message& a, const Message& b) {
                      return a.role == b.role && a.content == b.content && a.extra == b.extra;
                    });
}

// Several ranks share one opinion on pairs: rank 0 asks, since a limit of requests is the whole gang's.
class DealtComparer final : public reward::Comparer {
 public:
  DealtComparer(reward::Comparer& own, dist::Gang& gang) : own_(own), gang_(gang) {}

  std::vector<Comparison> compare(const std::vector<Pair>& pairs) override {
    Json mine = Json::array();
    dist::together(gang_, [&] {
      if (!gang_.leads()) { return; }
      for (const Comparison& one : own_.compare(pairs)) {
        mine.push_back({static_cast<int>(one.preference), binary(one.failure)});
      }
    });
    std::vector<Comparison> all;
    for (const Json& parts : Json::from_cbor(gang_.gather_all(packed(mine)).front())) {
      all.push_back({static_cast<Preference>(parts[0].get<int>()), text_of(parts[1])});
    }
    return all;
  }

 private:
  reward::Comparer& own_;
  dist::Gang& gang_;
};

class DealtReward final : public reward::Reward {
 public:
  DealtReward(std::unique_ptr<reward::Reward> own, dist::Gang& gang) : own_(std::move(own)), gang_(gang) {
    if (own_->comparer() != nullptr) { comparer_.emplace(*own_->comparer(), gang_); }
  }

  std::vector<reward::Verdict> score(const std::vector<reward::Question>& questions) override {
    const std::vector<int> owners = deal(questions);
    std::vector<reward::Question> share;
    for (std::size_t i = 0; i < questions.size(); ++i) {
      if (owners[i] == gang_.rank()) { share.push_back(questions[i]); }
    }
    Json mine = Json::array();
    dist::together(gang_, [&] {
      if (share.empty()) { return; }
      for (const reward::Verdict& verdict : own_->score(share)) {
        mine.push_back(
            {verdict.score.has_value(), verdict.score.value_or(0), binary(verdict.failure), verdict.tokens});
      }
      check(mine.size() == share.size(), "a reward gave another number of verdicts than questions");
    });
    std::vector<Json> all;
    for (const std::string& one : gang_.gather_all(packed(mine))) { all.push_back(Json::from_cbor(one)); }
    std::vector<std::size_t> next(all.size(), 0);
    std::vector<reward::Verdict> verdicts;
    for (const int owner : owners) {
      const auto rank = static_cast<std::size_t>(owner);
      verdicts.push_back(read(all[rank].at(next[rank]++)));
    }
    return verdicts;
  }

  std::string description() const override { return own_->description(); }
  std::optional<reward::ScoreScale> scale() const override { return own_->scale(); }
  bool is_thumbs() const override { return own_->is_thumbs(); }
  reward::Comparer* comparer() override { return comparer_ ? &*comparer_ : nullptr; }
  std::string account() const override { return own_->account(); }

 private:
  // The rank of each question: questions with one prompt stay together. A reward that waits for a server or a process is
  // asked by rank 0, so that its limits hold for the gang.
  std::vector<int> deal(const std::vector<reward::Question>& questions) const {
    std::vector<int> owners;
    int prompt = -1;
    for (std::size_t i = 0; i < questions.size(); ++i) {
      if (i == 0 || !same_prompt(questions[i - 1], questions[i])) { ++prompt; }
      owners.push_back(own_->waits() ? 0 : prompt % gang_.size());
    }
    return owners;
  }

  static reward::Verdict read(const Json& parts) {
    const auto tokens = parts[3].get<std::int64_t>();
    if (parts[0].get<bool>()) { return {.score = parts[1].get<double>(), .failure = "", .tokens = tokens}; }
    return {.score = std::nullopt, .failure = text_of(parts[2]), .tokens = tokens};
  }

  std::unique_ptr<reward::Reward> own_;
  dist::Gang& gang_;
  std::optional<DealtComparer> comparer_;
};

}  // namespace

std::unique_ptr<rollout::AnswerSource> deal_source(std::unique_ptr<rollout::AnswerSource> own,
                                                   dist::Gang& gang) {
  return std::make_unique<DealtSource>(std::move(own), gang);
}

std::unique_ptr<reward::Reward> deal_reward(std::unique_ptr<reward::Reward> own, dist::Gang& gang) {
  return std::make_unique<DealtReward>(std::move(own), gang);
}

}  // namespace una::online
