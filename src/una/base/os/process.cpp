#include "una/base/os/process.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "una/base/clock.h"
#include "una/base/error.h"

namespace una {
namespace {

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (std::string& text : texts) { out.push_back(text.data()); }
  out.push_back(nullptr);
  return out;
}

constexpr const char* kParent = "UNA_PARENT";  // its process id

}  // namespace

void follow_parent() {
  const char* parent = std::getenv(kParent);
  if (parent == nullptr) { return; }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (std::to_string(::getppid()) != parent) {
    ::_exit(128 + SIGKILL);  // it was gone before
  }
  ::unsetenv(kParent);  // of this process alone: a reward's command may call una again
}

ChildResult run_self(const std::vector<std::string>& arguments, const std::vector<std::string>& environment) {
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  std::vector<std::string> words = {program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> variables = environment;  // the first entry of a name wins
  variables.push_back(std::string(kParent) + "=" + std::to_string(::getpid()));
  for (char** entry = environ; *entry != nullptr; ++entry) { variables.emplace_back(*entry); }
  pid_t child = 0;
  const double begin = monotonic_seconds();
  const int error = ::posix_spawn(&child, program.c_str(), nullptr, nullptr, pointers(words).data(),
                                  pointers(variables).data());
  check(error == 0, "cannot start a child process");
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) { check(errno == EINTR, "lost a child process"); }
  ChildResult result;
  result.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  result.seconds = monotonic_seconds() - begin;
  return result;
}

}  // namespace una
