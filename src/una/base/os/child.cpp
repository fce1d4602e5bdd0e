#include "una/base/os/child.h"

#include <cerrno>
#include <filesystem>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "una/base/error.h"
#include "una/base/format.h"

namespace una {
namespace {

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) { out.push_back(text.data()); }
  out.push_back(nullptr);
  return out;
}

}  // namespace

pid_t start_self(const std::vector<std::string>& arguments, const std::vector<std::string>& environment) {
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  std::vector<std::string> words = {program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> variables = environment;     // the first entry of a name wins
  variables.push_back(cat("UNA_PARENT=", ::getpid()));  // read by follow_parent
  for (char** entry = environ; *entry != nullptr; ++entry) { variables.emplace_back(*entry); }
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);  // of number 0: its own
  pid_t child = 0;
  const int error = ::posix_spawn(&child, program.c_str(), nullptr, &attributes, pointers(words).data(),
                                  pointers(variables).data());
  ::posix_spawnattr_destroy(&attributes);
  check(error == 0, "cannot start a child process");
  return child;
}

std::optional<ChildEnd> poll_child(pid_t child) {
  int status = 0;
  pid_t found = 0;
  do { found = ::waitpid(child, &status, WNOHANG); } while (found < 0 && errno == EINTR);
  check(found >= 0, "lost a child process");
  if (found == 0) { return std::nullopt; }
  const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  return ChildEnd{signal != 0 ? 128 + signal : WEXITSTATUS(status), signal};
}

}  // namespace una
