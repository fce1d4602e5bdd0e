#pragma once

#include <memory>
#include <string>

#include "una/net/client.h"
#include "una/reward/reward.h"

namespace una::reward {

// How a reward server is asked.
struct HttpRewardOptions {
  std::int64_t batch_size = 32;  // rows of one request
  net::ClientOptions client = {.timeout = 120};
};

// A server that scores rows. A request is a POST of {"rows": [...]}, rows as question_json; the reply is
// {"scores": [...]} (or the bare list), one element a row, in order: a number, null, or {"score": number or
// null, "error": text}. A batch without a usable reply after all tries fails row by row; InputError where
// no server listens, and on 401, 403, 404 and 405, which no other row would pass either.
std::unique_ptr<Reward> make_http_reward(const std::string& url, HttpRewardOptions options = {});

// True for the statuses named above.
bool is_refusal(int status);

}  // namespace una::reward
