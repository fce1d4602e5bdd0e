#include "una/reward/judge.h"

#include <algorithm>
#include <map>
#include <utility>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/hash.h"
#include "una/base/json.h"
#include "una/base/json_line.h"
#include "una/openai/chat.h"
#include "una/reward/http_reward.h"
#include "una/reward/judge_prompt.h"
#include "una/reward/judge_reply.h"

namespace una::reward {
namespace {

// A judge's work so far, for the log.
struct Counts {
  std::int64_t asked = 0, repeated = 0, from_cache = 0, unreadable = 0, missing = 0, tokens_in = 0,
               tokens_out = 0;
};

// Asks a chat-completions server. Not thread-safe.
class Judge final : public Reward, public Comparer {
 public:
  explicit Judge(JudgeParts parts)
      : settings_(std::move(parts.settings)),
        client_(std::move(parts.client)),
        cache_(std::move(parts.cache)) {
    const JudgeOptions& o = settings_.options;
    url_ = o.base_url + (ends_with(o.base_url, "/") ? "" : "/") + "chat/completions";
    Hasher hasher;
    hasher.add(print_options(o)).add(settings_.prompt_template);
    fingerprint_ = hasher.hex().substr(0, 8);
  }

  std::vector<Verdict> score(const std::vector<Question>& questions) override;
  std::vector<Comparison> compare(const std::vector<Pair>& pairs) override;
  std::string description() const override;
  std::optional<ScoreScale> scale() const override { return settings_.scale; }
  bool is_thumbs() const override { return settings_.mode == JudgeMode::kThumbs; }
  bool waits() const override { return true; }
  Comparer* comparer() override { return settings_.mode == JudgeMode::kPairs ? this : nullptr; }
  std::string account() const override;

 private:
  // A prompt for the judge, or why it cannot be made.
  struct Ask {
    std::string prompt, failure;
  };
  using Values = std::map<std::string, std::string>;
  Ask ask_of(const Question& question, const Values& answers) const;
  std::vector<Mark> ask_all(const std::vector<Ask>& asks);
  bool settle_from_cache(const std::string& key, Mark& mark);
  void take(const net::Outcome& outcome, const std::string& key, Mark& mark);
  std::string body_of(const std::string& prompt) const;
  std::vector<Verdict> win_shares(const std::vector<Question>& questions);

  JudgeSettings settings_;
  net::Client client_;
  JudgeCache cache_;
  std::string url_, fingerprint_;
  Counts counts_;
};

std::string Judge::description() const {
  const std::string on = settings_.mode == JudgeMode::kScore ? cat(" ", significant(settings_.scale.lo, 6),
                                                                   "..", significant(settings_.scale.hi, 6))
                                                             : "";
  return cat("judge ", settings_.options.model, " at ", net::shown_url(settings_.options.base_url), " (",
             settings_.options.mode, on, ", ", fingerprint_, ")");
}

std::string Judge::account() const {
  const net::Traffic& traffic = client_.traffic();
  std::string text = cat(
      "judge ", settings_.options.model, ": ", thousands(counts_.asked), " questions, ",
      thousands(counts_.from_cache), " answered by the cache, ", thousands(traffic.requests), " requests (",
      thousands(traffic.retries + counts_.repeated), " of them again), ", thousands(counts_.unreadable),
      " replies unreadable, ", thousands(counts_.missing), " marks missing, ", thousands(counts_.tokens_in),
      " tokens in, ", thousands(counts_.tokens_out), " out");
  if (settings_.has_price) {
    const double cost = static_cast<double>(counts_.tokens_in) * settings_.price_in +
                        static_cast<double>(counts_.tokens_out) * settings_.price_out;
    text += cat(", $", fixed(cost / 1e6, 4));
  }
  return text;
}

std::string Judge::body_of(const std::string& prompt) const {
  const JudgeOptions& o = settings_.options;
  openai::ChatRequest request{.model = o.model, .messages = {}};
  if (!o.system_prompt.empty()) { request.messages.push_back({"system", o.system_prompt, ""}); }
  request.messages.push_back({"user", prompt, ""});
  request.temperature = o.temperature;
  request.max_tokens = o.max_tokens;
  return dump_json(openai::request_json(request));
}

Judge::Ask Judge::ask_of(const Question& question, const Values& answers) const {
  const std::string& text = settings_.prompt_template;
  if (!question.ground_truth && text.find("{ground_truth}") != std::string::npos) {
    return {"", "the template has {ground_truth}, the row does not (--ground_truth_column names its field)"};
  }
  Values values = answers;
  values["prompt"] = conversation_text(question.prompt);
  values["ground_truth"] = question.ground_truth.value_or("");
  values["lo"] = significant(settings_.scale.lo, 6);
  values["hi"] = significant(settings_.scale.hi, 6);
  return {fill(text, values), ""};
}

// A reply that is kept but cannot be read any more (another scale) is asked for again.
bool Judge::settle_from_cache(const std::string& key, Mark& mark) {
  const std::optional<std::string> kept = cache_.find(key);
  if (!kept) { return false; }
  mark = read_mark(*kept, settings_);
  if (mark.value) { ++counts_.from_cache; }
  return mark.value.has_value();
}

void Judge::take(const net::Outcome& outcome, const std::string& key, Mark& mark) {
  if (!outcome.ok) {
    check_input(!is_refusal(outcome.status), outcome.failure);
    mark = {.value = std::nullopt, .problem = outcome.failure};
    return;
  }
  const ChatReply reply = read_chat_reply(outcome.body);
  counts_.tokens_in += reply.tokens_in;
  counts_.tokens_out += reply.tokens_out;
  mark = reply.good ? read_mark(reply.content, settings_)
                    : Mark{.value = std::nullopt, .problem = reply.problem};
  if (mark.value) {
    cache_.put(key, reply.content);
  } else {
    ++counts_.unreadable;
    mark.problem = net::excerpt(cat("the judge's reply cannot be read: ", mark.problem));
  }
}

std::vector<Mark> Judge::ask_all(const std::vector<Ask>& asks) {
  std::vector<Mark> marks(asks.size());
  std::vector<std::string> keys(asks.size()), bodies(asks.size());
  std::vector<std::size_t> open;             // to ask
  std::map<std::string, std::size_t> first;  // equal questions are asked once
  for (std::size_t i = 0; i < asks.size(); ++i) {
    marks[i].problem = asks[i].failure;
    if (!asks[i].failure.empty()) { continue; }
    ++counts_.asked;
    bodies[i] = body_of(asks[i].prompt);
    keys[i] = Hasher().add(settings_.options.base_url).add(bodies[i]).hex();
    if (settle_from_cache(keys[i], marks[i])) { continue; }
    if (first.emplace(keys[i], i).second) { open.push_back(i); }
  }
  for (std::int64_t tries = 0; tries <= settings_.options.parse_retries && !open.empty(); ++tries) {
    std::vector<net::Request> requests;
    for (const std::size_t i : open) { requests.push_back({.url = url_, .body = bodies[i]}); }
    counts_.repeated += tries > 0 ? std::ssize(requests) : 0;
    std::vector<std::size_t> again;
    client_.post(requests, [&](std::size_t index, const net::Outcome& outcome) {
      const std::size_t i = open[index];
      take(outcome, keys[i], marks[i]);
      if (outcome.ok && !marks[i].value) { again.push_back(i); }
    });
    std::sort(again.begin(), again.end());
    open = std::move(again);
  }
  for (std::size_t i = 0; i < asks.size(); ++i) {
    if (const auto same = first.find(keys[i]); same != first.end()) { marks[i] = marks[same->second]; }
    counts_.missing += marks[i].value ? 0 : 1;
  }
  return marks;
}

std::vector<Verdict> Judge::score(const std::vector<Question>& questions) {
  if (settings_.mode == JudgeMode::kPairs) { return win_shares(questions); }
  std::vector<Ask> asks;
  for (const Question& question : questions) {
    asks.push_back(ask_of(question, {{"answer", answer_text(question.answer)}}));
  }
  std::vector<Verdict> verdicts;
  for (Mark& mark : ask_all(asks)) {
    verdicts.push_back(mark.value ? scored(*mark.value) : failed(std::move(mark.problem)));
  }
  return verdicts;
}

std::vector<Comparer::Comparison> Judge::compare(const std::vector<Pair>& pairs) {
  std::vector<Ask> asks;  // first as A, then second as A
  for (const Pair& pair : pairs) {
    const std::string first = answer_text(pair.first->answer), second = answer_text(pair.second->answer);
    asks.push_back(ask_of(*pair.first, {{"answer_a", first}, {"answer_b", second}}));
    asks.push_back(ask_of(*pair.first, {{"answer_a", second}, {"answer_b", first}}));
  }
  const std::vector<Mark> marks = ask_all(asks);
  std::vector<Comparison> out;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const std::optional<double> forward = marks[2 * i].value, backward = marks[2 * i + 1].value;
    if (!forward || !backward) {
      out.push_back(
          {Preference::kMissing, marks[2 * i].value ? marks[2 * i + 1].problem : marks[2 * i].problem});
    } else if (*forward != 1 - *backward) {
      out.push_back({Preference::kDisagreement, ""});
    } else {
      out.push_back({*forward == 1   ? Preference::kFirst
                     : *forward == 0 ? Preference::kSecond
                                     : Preference::kTie,
                     ""});
    }
  }
  return out;
}

std::vector<Verdict> Judge::win_shares(const std::vector<Question>& questions) {
  std::map<std::string, std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    Json key = question_json(questions[i]);
    key.erase("answer");
    key.erase("completion");
    groups[dump_json(key)].push_back(i);
  }
  std::vector<Pair> pairs;
  std::vector<std::pair<std::size_t, std::size_t>> owners;
  for (const auto& [key, members] : groups) {
    for (std::size_t a = 0; a < members.size(); ++a) {
      for (std::size_t b = a + 1; b < members.size(); ++b) {
        pairs.push_back({&questions[members[a]], &questions[members[b]]});
        owners.emplace_back(members[a], members[b]);
      }
    }
  }
  return reward::win_shares(questions.size(), owners, compare(pairs));
}

}  // namespace

std::unique_ptr<Reward> make_judge(JudgeParts parts) { return std::make_unique<Judge>(std::move(parts)); }

std::unique_ptr<Reward> make_judge(const std::string& path, JudgeMemory memory) {
  JudgeParts parts;
  parts.settings = read_judge_file(path);
  const JudgeOptions& o = parts.settings.options;
  parts.client = {.timeout = o.timeout,
                  .concurrency = o.concurrency,
                  .requests_per_minute = o.requests_per_minute,
                  .max_retries = o.max_retries,
                  .bearer = judge_key(o, path)};
  const std::string own = user_cache_folder();
  if (memory == JudgeMemory::kCache && o.cache_dir != "none" && (o.cache_dir != "auto" || !own.empty())) {
    const std::string folder = o.cache_dir == "auto" ? own + "/judge" : o.cache_dir;
    const std::string name = hash_hex(cat(o.base_url, '\n', o.model)).substr(0, 16);
    parts.cache = JudgeCache(folder, name + ".jsonl");
  }
  return make_judge(std::move(parts));
}

}  // namespace una::reward
