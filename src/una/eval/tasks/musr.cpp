#include "una/eval/tasks/musr.h"

#include <algorithm>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json_line.h"

namespace una::eval {
namespace {

// Fixed for the published files; else from the number of choices of the first row.
double chance_of(const std::string& stem, const std::vector<Item>& items) {
  if (stem == "musr_murder_mysteries") { return 1.0 / 2; }
  if (stem == "musr_object_placements") { return 1.0 / 5; }
  if (stem == "musr_team_allocation") { return 1.0 / 3; }
  return 1.0 / static_cast<double>(items.front().choices.size());
}

Item item_of(const rows::JsonRow& row, std::int64_t number) {
  Item item{.where = row.where,
            .number = number,
            .context = {},
            .choices = list_field(row, "choices"),
            .gold = -1,
            .row = {}};
  std::string lines;
  for (std::size_t i = 0; i < item.choices.size(); ++i) { lines += cat(i + 1, " - ", item.choices[i], "\n"); }
  item.context =
      cat(text_field(row, "narrative"), "\n\n", text_field(row, "question"), "\n\n", lines, "\nAnswer:");
  const auto found = std::find(item.choices.begin(), item.choices.end(), text_field(row, "answer_choice"));
  if (found != item.choices.end()) { item.gold = found - item.choices.begin(); }
  return item;
}

}  // namespace

std::vector<Subtask> load_musr(const TaskFiles& files) {
  std::vector<Subtask> subtasks;
  for (const std::string& stem : files.stems_with("musr_")) {
    Subtask subtask{.name = stem, .chance = 0, .items = {}};
    for (const rows::JsonRow& row : files.questions(stem)) {
      subtask.items.push_back(item_of(row, std::ssize(subtask.items)));
    }
    subtask.chance = chance_of(stem, subtask.items);
    subtasks.push_back(std::move(subtask));
  }
  check_input(!subtasks.empty(), files.folder(), " has no rows for musr (musr_NAME.jsonl)");
  return subtasks;
}

void write_musr_sample(const std::string& folder) {
  static constexpr const char* kPeople[] = {"Ana", "Ben", "Cleo"};
  static constexpr const char* kPlaces[] = {"the shed", "the blue drawer", "her bag"};
  std::string lines;
  for (int i = 0; i < 8; ++i) {
    const char *seen = kPlaces[i % 3], *moved = kPlaces[(i + 1) % 3], *who = kPeople[i % 3];
    lines += json_line(
        {{"narrative", cat(who, " put the key into ", seen, " and went out for a walk. While ", who,
                           " was away, the key was brought to ", moved, ". Nobody told ", who, " about it.")},
         {"question", cat("Where does ", who, " look for the key first?")},
         {"choices", "['the shed', 'the blue drawer', \"her bag\"]"},
         {"answer_index", i % 3},
         {"answer_choice", seen}});
  }
  write_file(folder + "/musr_keys.jsonl", lines);
}

}  // namespace una::eval
