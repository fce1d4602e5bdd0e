#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "una/base/rng.h"
#include "una/demo/split.h"

// The embedded tasks of `una demo` and `una study`. Prompts and graded answers come from seeded generators, gold scores
// from an exact scorer: nothing is downloaded or judged by a model.
namespace una::demo {

// The quality of a flawed teacher's answers, uniform in [lowest, highest]. A model trained on them makes
// mistakes about as often as the teacher.
struct TeacherQuality {
  double lowest = 0.3;
  double highest = 0.9;
};

// One task: a row of the table.
struct Task {
  std::string name, summary;
  // As draw_prompts (split.h).
  std::vector<std::string> (*make_prompts)(std::int64_t n, std::uint64_t seed, Split split);
  // The teacher's answer to one of those prompts: flawless for quality 1, worse for less. `quality` must be in [0, 1]
  // and the prompt this task's (InternalError).
  std::string (*make_answer)(std::string_view prompt, double quality, Rng& rng);
  // What an answer is worth, in [0, 1]: exact and deterministic for any bytes. InternalError on another task's prompt.
  double (*gold)(std::string_view prompt, std::string_view answer);
  TeacherQuality quality;   // of the teacher of the start model
  int max_new_tokens = 64;  // of a sampled answer
};

const std::vector<Task>& tasks();                // the first is the default
const Task& find_task(const std::string& name);  // InputError names all, and the nearest

}  // namespace una::demo
