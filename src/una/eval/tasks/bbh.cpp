#include "una/eval/tasks/bbh.h"

#include <algorithm>

#include <yaml-cpp/yaml.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json_line.h"

namespace una::eval {
namespace {

// What lm-evaluation-harness keeps in tasks/leaderboard/bbh_mc/NAME.yaml: the description, three solved questions and the
// choices.
struct Frame {
  std::string text;  // description and examples
  std::vector<std::string> choices;
};

std::string question(const std::string& input) { return cat("Q: ", input, "\nA:"); }

Frame read_frame(const std::string& path) {
  try {
    const YAML::Node root = YAML::LoadFile(path);
    Frame frame;
    // The first question follows at once: the harness puts nothing between them.
    if (root["description"]) { frame.text = root["description"].as<std::string>(); }
    for (const YAML::Node& example : root["fewshot_config"]["samples"]) {
      frame.text +=
          cat(question(example["input"].as<std::string>()), " ", example["target"].as<std::string>(), "\n\n");
    }
    frame.choices = root["doc_to_choice"].as<std::vector<std::string>>();
    check_input(frame.choices.size() > 1, path, ": doc_to_choice has fewer than two choices");
    return frame;
  } catch (const YAML::Exception& error) {
    throw InputError(cat(path, ": this is not one of lm-evaluation-harness's bbh files (description, ",
                         "fewshot_config.samples, doc_to_choice): ", error.what()));
  }
}

std::string frame_path(const TaskFiles& files, const std::string& name) {
  for (const std::string& path :
       {cat(files.folder(), "/bbh_", name, ".yaml"), cat(files.folder(), "/bbh_mc/", name, ".yaml")}) {
    if (is_file(path)) { return path; }
  }
  throw InputError(cat(files.folder(), ": bbh_", name,
                       " has rows but not its description, examples and choices: copy ",
                       "lm_eval/tasks/leaderboard/bbh_mc/", name, ".yaml into the folder as bbh_", name,
                       ".yaml (or the folder bbh_mc as it is)"));
}

Subtask load_subtask(const TaskFiles& files, const std::string& stem) {
  const Frame frame = read_frame(frame_path(files, stem.substr(4)));
  Subtask subtask{.name = stem, .chance = 1.0 / static_cast<double>(frame.choices.size()), .items = {}};
  for (const rows::JsonRow& row : files.questions(stem)) {
    Item item{.where = row.where,
              .number = std::ssize(subtask.items),
              .context = {},
              .choices = frame.choices,
              .gold = -1,
              .row = {}};
    item.context = frame.text + question(text_field(row, "input"));
    const std::string target = text_field(row, "target");
    const auto found = std::find(item.choices.begin(), item.choices.end(), target);
    if (found != item.choices.end()) { item.gold = found - item.choices.begin(); }
    subtask.items.push_back(std::move(item));
  }
  return subtask;
}

}  // namespace

std::vector<Subtask> load_bbh(const TaskFiles& files) {
  std::vector<Subtask> subtasks;
  for (const std::string& stem : files.stems_with("bbh_")) { subtasks.push_back(load_subtask(files, stem)); }
  check_input(!subtasks.empty(), files.folder(), " has no rows for bbh (bbh_NAME.jsonl: input, target)");
  return subtasks;
}

void write_bbh_sample(const std::string& folder) {
  write_file(folder + "/bbh_odd_colour.yaml",
             "description: 'Name the shape whose colour differs from that of the two others.'\n"
             "doc_to_choice: [\"(A)\", \"(B)\", \"(C)\"]\n"
             "fewshot_config:\n"
             "  sampler: first_n\n"
             "  samples:\n"
             "  - input: 'The circle is red, the square is blue, the star is red.\n\n      Options:\n\n"
             "      (A) circle\n\n      (B) square\n\n      (C) star'\n    target: (B)\n"
             "  - input: 'The circle is green, the square is grey, the star is grey.\n\n      Options:\n\n"
             "      (A) circle\n\n      (B) square\n\n      (C) star'\n    target: (A)\n"
             "  - input: 'The circle is pink, the square is pink, the star is black.\n\n      Options:\n\n"
             "      (A) circle\n\n      (B) square\n\n      (C) star'\n    target: (C)\n");
  static constexpr const char* kColours[] = {"red", "blue", "green", "grey", "pink", "black"};
  static constexpr const char* kLetters[] = {"(A)", "(B)", "(C)"};
  std::string lines;
  for (std::size_t i = 0; i < 12; ++i) {
    const std::size_t odd = i % 3;
    const auto colour = [&](std::size_t shape) { return kColours[(i + (shape == odd ? 1 + i % 4 : 0)) % 6]; };
    lines +=
        json_line({{"input", cat("The circle is ", colour(0), ", the square is ", colour(1), ", the star is ",
                                 colour(2), ".\nOptions:\n(A) circle\n(B) square\n(C) star")},
                   {"target", kLetters[odd]}});
  }
  write_file(folder + "/bbh_odd_colour.jsonl", lines);
}

}  // namespace una::eval
