#include "una/reward/http_reward.h"

#include <algorithm>
#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/base/json_line.h"

namespace una::reward {
namespace {

// The client of such a server. Not thread-safe.
class HttpReward final : public Reward {
 public:
  HttpReward(std::string url, HttpRewardOptions options)
      : url_(std::move(url)),
        batch_(static_cast<std::size_t>(options.batch_size)),
        client_(std::move(options.client)) {}

  std::vector<Verdict> score(const std::vector<Question>& questions) override {
    std::vector<net::Request> requests;
    for (std::size_t begin = 0; begin < questions.size(); begin += batch_) {
      Json rows = Json::array();
      for (std::size_t i = begin; i < std::min(questions.size(), begin + batch_); ++i) {
        rows.push_back(question_json(questions[i]));
      }
      requests.push_back({.url = url_, .body = dump_json(Json{{"rows", rows}})});
    }
    const std::vector<net::Outcome> outcomes =
        client_.post(requests, [](std::size_t, const net::Outcome& outcome) {
          check_input(outcome.ok || !is_refusal(outcome.status), outcome.failure);
        });
    std::vector<Verdict> verdicts;
    for (const net::Outcome& outcome : outcomes) {
      read_batch(outcome, std::min(batch_, questions.size() - verdicts.size()), verdicts);
    }
    return verdicts;
  }

  bool waits() const override { return true; }
  std::string description() const override { return cat("reward server ", net::shown_url(url_)); }
  std::string account() const override {
    const net::Traffic& traffic = client_.traffic();
    return cat(description(), ": ", thousands(traffic.requests), " requests (", thousands(traffic.retries),
               " of them again), ", thousands(traffic.failures), " failed");
  }

 private:
  void read_batch(const net::Outcome& outcome, std::size_t rows, std::vector<Verdict>& verdicts) const {
    const std::string place = net::shown_url(url_);
    std::string problem = outcome.failure;
    Json scores;
    if (outcome.ok) {
      scores = Json::parse(outcome.body, nullptr, false);
      if (scores.is_object() && scores.contains("scores")) { scores = Json(scores["scores"]); }
      if (!scores.is_array()) {
        problem = cat(place, ": the reply has no list of scores: ", net::excerpt(outcome.body));
      } else if (scores.size() != rows) {
        problem = cat(place, " gave ", scores.size(), " scores for ", rows, " rows");
      }
    }
    for (std::size_t i = 0; i < rows; ++i) {
      verdicts.push_back(problem.empty() ? verdict_of_reply(scores[i], cat("the score of ", place))
                                         : failed(problem));
    }
  }

  std::string url_;
  std::size_t batch_;
  net::Client client_;
};

}  // namespace

bool is_refusal(int status) { return status == 401 || status == 403 || status == 404 || status == 405; }

std::unique_ptr<Reward> make_http_reward(const std::string& url, HttpRewardOptions options) {
  net::check_url(url, "reward");
  check(options.batch_size >= 1, "http reward: batch_size");
  return std::make_unique<HttpReward>(url, std::move(options));
}

}  // namespace una::reward
