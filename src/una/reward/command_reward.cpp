#include <cstdio>
#include <filesystem>
#include <utility>

#include <sys/wait.h>
#include <unistd.h>

#include "una/base/error.h"
#include "una/base/files.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/reward/rules.h"

namespace una::reward {
namespace {

// Gone when the command is done, however it ended.
struct TemporaryFile {
  std::string path =
      (std::filesystem::temp_directory_path() / cat("una-reward-", ::getpid(), ".jsonl")).string();
  explicit TemporaryFile(const std::string& content) { write_file(path, content); }
  ~TemporaryFile() { ::unlink(path.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
};

// One line of the command's output. A number that is none, or null, is a missing score.
Verdict verdict_of(const std::string& line, std::size_t number) {
  const std::string what = cat("the reward command's line ", number);
  const Json value = Json::parse(line, nullptr, false);
  return value.is_discarded() ? failed(cat(what, " is no number: ", line)) : verdict_of_reply(value, what);
}

// Runs a shell command once a call: rows in through a file, so that neither side can wait for the other.
class CommandReward final : public Reward {
 public:
  explicit CommandReward(std::string command) : command_(std::move(command)) {}

  std::vector<Verdict> score(const std::vector<Question>& questions) override {
    std::string rows;
    for (const Question& question : questions) {
      rows += question_json(question).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    }
    const TemporaryFile file(rows);
    const std::vector<std::string> lines = run(file.path);
    check_input(lines.size() == questions.size(), "the reward command gave ", lines.size(), " lines for ",
                questions.size(), " answers: ", command_);
    std::vector<Verdict> verdicts;
    for (std::size_t i = 0; i < lines.size(); ++i) { verdicts.push_back(verdict_of(lines[i], i + 1)); }
    return verdicts;
  }
  std::string description() const override { return cat("command ", command_); }

 private:
  std::vector<std::string> run(const std::string& path) const {
    std::FILE* pipe = ::popen(cat("(", command_, "\n) < '", path, "'").c_str(), "r");
    check_input(pipe != nullptr, "the reward command cannot be started: ", command_);
    std::vector<std::string> lines;
    std::string line;
    for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) {
      if (c != '\n') {
        line += static_cast<char>(c);
      } else {
        lines.push_back(std::exchange(line, ""));
      }
    }
    if (!line.empty()) { lines.push_back(line); }
    const int status = ::pclose(pipe);
    const int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    check_input(code == 0, "the reward command ended with exit code ", code, ": ", command_);
    return lines;
  }

  std::string command_;
};

}  // namespace

std::unique_ptr<Reward> make_command_reward(const std::string& command) {
  check_input(!command.empty(),
              "reward command: give the command behind the colon, as in command:./score.sh");
  return std::make_unique<CommandReward>(command);
}

}  // namespace una::reward
