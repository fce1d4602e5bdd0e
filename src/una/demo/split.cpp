#include "una/demo/split.h"

#include <unordered_set>
#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/hash.h"

namespace una::demo {
namespace {

constexpr std::int64_t kMostPrompts = 100000;
constexpr int kMostInVain = 20000;  // draws one after the other without a new prompt

const char* split_name(Split split) {
  return split == Split::kTrain ? "train" : split == Split::kFeedback ? "feedback" : "held-out";
}

}  // namespace

Split split_of(std::string_view key) {
  const std::uint64_t part = hash_u64(key) % 20;
  return part < 12 ? Split::kTrain : part < 17 ? Split::kFeedback : Split::kHeldOut;
}

std::vector<std::string> draw_prompts(std::int64_t n, std::uint64_t seed, Split split,
                                      std::string_view stream, const std::function<KeyedPrompt(Rng&)>& draw) {
  check_input(n >= 0 && n <= kMostPrompts, "demo: ", n, " prompts were asked for; the task makes 0 to ",
              kMostPrompts);
  Rng rng(seed, stream_id(cat(stream, "/", split_name(split))));
  std::vector<std::string> prompts;
  std::unordered_set<std::string> taken;
  int in_vain = 0;
  while (static_cast<std::int64_t>(prompts.size()) < n) {
    KeyedPrompt prompt = draw(rng);
    if (split_of(prompt.key) == split && taken.insert(std::move(prompt.key)).second) {
      prompts.push_back(std::move(prompt.text));
      in_vain = 0;
    } else {
      check_input(++in_vain < kMostInVain, "demo: ", n, " prompts were asked for; the task has about ",
                  prompts.size(), " of that split");
    }
  }
  return prompts;
}

}  // namespace una::demo
