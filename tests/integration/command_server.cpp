#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <set>
#include <string>
#include <vector>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "forked_children.h"

// Runs commands of una each in a child of its own, so that a test with hundreds of them loads LibTorch once:
// three quarters of a refusal's time. src/una/cli/main.cpp is compiled in under another name.
//
// A line of stdin is a command, its parts separated by tabs: seconds it may take, a folder for its output, the folder it
// runs in, the number of variables that are added to its environment, these (NAME=value), its arguments. The child writes
// FOLDER/stdout and FOLDER/stderr; a line of stdout has its exit code, or the negative number of the signal that ended it,
// its peak of resident memory in kB and the processor time it took in seconds.
int una_main(int argc, char** argv);

namespace {

std::vector<std::string> parts_of(const std::string& line) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  for (std::size_t end = line.find('\t'); end != std::string::npos; end = line.find('\t', begin)) {
    parts.push_back(line.substr(begin, end - begin));
    begin = end + 1;
  }
  parts.push_back(line.substr(begin));
  return parts;
}

// Commands that run their own program again.
bool starts_itself(const std::vector<std::string>& words) {
  const std::set<std::string> callers = {"bench", "demo", "rounds", "study", "tune"};
  return callers.count(words.at(0)) > 0 || std::find(words.begin(), words.end(), "--nproc") != words.end();
}

[[noreturn]] void run_child(std::vector<std::string> parts) {
  const std::string& folder = parts[1];
  std::string program = "una";
  const bool opened = std::freopen("/dev/null", "r", stdin) != nullptr &&  // the server's holds commands
                      std::freopen((folder + "/stdout").c_str(), "w", stdout) != nullptr &&
                      std::freopen((folder + "/stderr").c_str(), "w", stderr) != nullptr;
  if (!opened || ::chdir(parts[2].c_str()) != 0) { std::_Exit(3); }
  const auto variables = parts.begin() + 4, words = variables + std::stol(parts[3]);
  for (auto variable = variables; variable != words; ++variable) { ::putenv(variable->data()); }
  if (starts_itself({words, parts.end()})) { start_template(una_main); }
  ::alarm(static_cast<unsigned>(std::stoul(parts[0])));
  std::vector<char*> arguments = {program.data()};
  for (auto word = words; word != parts.end(); ++word) { arguments.push_back(word->data()); }
  arguments.push_back(nullptr);
  const int code = una_main(static_cast<int>(arguments.size()) - 1, arguments.data());
  std::fflush(nullptr);
  std::_Exit(code);  // no exit: it would move the position of the parent's stdin
}

int exit_code(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status); }

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    const pid_t child = ::fork();
    if (child == 0) { run_child(parts_of(line)); }
    int status = 0;
    rusage used{};
    if (child < 0 || ::wait4(child, &status, 0, &used) != child) { return 1; }
    std::printf("%d %ld %ld\n", exit_code(status), used.ru_maxrss,
                used.ru_utime.tv_sec + used.ru_stime.tv_sec);
    std::fflush(stdout);
  }
  return 0;
}
