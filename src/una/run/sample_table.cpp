#include "una/run/sample_table.h"

#include <algorithm>
#include <utility>

#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json_line.h"
#include "una/run/prompts.h"

namespace una::run {
namespace {

constexpr std::size_t kRows = 200;    // of the file
constexpr std::size_t kPerRound = 4;  // written of each round

}  // namespace

// Lines that are not rows of ours are dropped.
void SampleTable::keep_rounds_before(std::int64_t number) {
  if (!is_file(path_)) { return; }
  for (const std::string& line : split(read_file(path_), '\n')) {
    const Json row = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!row.is_object() || !row.contains("round") || !row["round"].is_number_integer()) { continue; }
    if (row["round"].get<std::int64_t>() < number) { lines_.push_back(line + "\n"); }
  }
}

void SampleTable::add(const online::Round& round) {
  if (!std::exchange(begun_, true)) { keep_rounds_before(round.number); }
  for (std::size_t g = 0; g < std::min(kPerRound, round.groups.size()); ++g) {
    if (round.groups[g].answers.empty()) { continue; }
    const rollout::Answer& answer = round.groups[g].answers.front();
    const Json row{{"round", round.number},
                   {"prompt", shown_prompt(round.groups[g].prompt->example.prompt)},
                   {"answer", answer.text},
                   {"reward", answer.scored ? Json(answer.reward) : Json(nullptr)}};
    lines_.push_back(json_line(row));
  }
  if (lines_.size() > kRows) {
    lines_.erase(lines_.begin(), lines_.end() - static_cast<std::ptrdiff_t>(kRows));
  }
  write_file(path_, join(lines_, ""));
}

}  // namespace una::run
