#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

// Runs commands of una each in a child of its own, so that a test with hundreds of them loads LibTorch once:
// three quarters of a refusal's time. src/una/cli/main.cpp is compiled in under another name.
//
// A line of stdin is a command: seconds, a folder, arguments, parted by tabs. The child writes FOLDER/stdout
// and FOLDER/stderr; a line of stdout has its exit code, or the negative number of the signal that ended it,
// and its peak of resident memory in kB.
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

[[noreturn]] void run_child(std::vector<std::string> parts) {
  const std::string& folder = parts[1];
  const bool opened = std::freopen("/dev/null", "r", stdin) != nullptr &&  // the server's holds commands
                      std::freopen((folder + "/stdout").c_str(), "w", stdout) != nullptr &&
                      std::freopen((folder + "/stderr").c_str(), "w", stderr) != nullptr;
  if (!opened) std::_Exit(3);
  ::alarm(static_cast<unsigned>(std::stoul(parts[0])));
  std::vector<char*> arguments;
  for (std::size_t i = 1; i < parts.size(); ++i) arguments.push_back(parts[i].data());  // [0]: any name
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
    if (child == 0) run_child(parts_of(line));
    int status = 0;
    rusage used{};
    if (child < 0 || ::wait4(child, &status, 0, &used) != child) return 1;
    std::printf("%d %ld\n", exit_code(status), used.ru_maxrss);
    std::fflush(stdout);
  }
  return 0;
}
