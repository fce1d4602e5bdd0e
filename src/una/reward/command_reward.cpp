#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/base/json_line.h"
#include "una/base/os/shell_command.h"
#include "una/reward/rules.h"

namespace una::reward {
namespace {

constexpr std::size_t kMostBytes = 64U << 20U;  // of a command's output

// One line of the command's output. Anything but a finite number is a missing score.
Verdict verdict_of(const std::string& line, std::size_t number) {
  const std::string what = cat("the reward command's line ", number);
  const Json value = Json::parse(line, nullptr, false);
  return value.is_discarded() ? failed(cat(what, " is not a number: ", line)) : verdict_of_reply(value, what);
}

// Runs a shell command once per call. It reads the rows from a file, so that neither side can wait for the other.
class CommandReward final : public Reward {
 public:
  CommandReward(std::string command, double time_limit)
      : command_(std::move(command)), time_limit_(time_limit) {}

  std::vector<Verdict> score(const std::vector<Question>& questions) override {
    std::string rows;
    for (const Question& question : questions) { rows += json_line(question_json(question)); }
    const std::vector<std::string> lines = run(rows, questions.size());
    check_input(lines.size() == questions.size(), "the reward command gave ", lines.size(), " lines for ",
                questions.size(), " answers: ", command_);
    std::vector<Verdict> verdicts;
    for (std::size_t i = 0; i < lines.size(); ++i) { verdicts.push_back(verdict_of(lines[i], i + 1)); }
    return verdicts;
  }
  std::string description() const override { return cat("command ", command_); }

 private:
  std::vector<std::string> run(const std::string& rows, std::size_t answers) const {
    const ShellResult result = read_shell_command(command_, rows,
                                                  {.what = "the reward command",
                                                   .time_limit = time_limit_,
                                                   .most_lines = answers,
                                                   .most_bytes = kMostBytes});
    check_input(result.exit_code == 0, "the reward command ended with exit code ", result.exit_code, ": ",
                command_);
    std::vector<std::string> lines = split(result.output, '\n');
    if (lines.back().empty()) { lines.pop_back(); }
    return lines;
  }

  std::string command_;
  double time_limit_;  // seconds
};

}  // namespace

std::unique_ptr<Reward> make_command_reward(const std::string& command, double time_limit) {
  check_input(!command.empty(), "reward command: give the command after the colon, as in command:./score.sh");
  return std::make_unique<CommandReward>(command, time_limit);
}

}  // namespace una::reward
