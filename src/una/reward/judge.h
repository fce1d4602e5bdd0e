#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "una/net/client.h"
#include "una/reward/judge_cache.h"
#include "una/reward/judge_options.h"
#include "una/reward/reward.h"

namespace una::reward {

// What a judge is made of.
struct JudgeParts {
  JudgeSettings settings;
  net::ClientOptions client;  // with the key
  JudgeCache cache;
};

// An LLM over an OpenAI-compatible chat-completions API.
//   score   a score on the declared scale
//   thumbs  1 or 0
//   pairs   a Comparer that asks in both orders; score() groups equal prompts and gives each answer the share
//           of its comparisons won (a tie or a disagreement is half), without those that failed
// A reply that cannot be read is asked for again parse_retries times, then missing. InputError where no server
// listens, and on 401, 403, 404 and 405.
std::unique_ptr<Reward> make_judge(JudgeParts parts);

// Whether replies of earlier calls answer the same question again.
enum class JudgeMemory : std::uint8_t { kCache, kNone };

// "judge:FILE": settings from the file, key from the environment, cache on disk unless `memory` is kNone.
std::unique_ptr<Reward> make_judge(const std::string& path, JudgeMemory memory = JudgeMemory::kCache);

}  // namespace una::reward
