#include "una/base/os/process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include <poll.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "una/base/clock.h"
#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/os/interrupt.h"
#include "una/base/os/interrupt_elsewhere.h"

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

pid_t spawn_self(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
                 short flags) {
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  std::vector<std::string> words = {program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> variables = environment;  // the first entry of a name wins
  variables.push_back(std::string(kParent) + "=" + std::to_string(::getpid()));
  for (char** entry = environ; *entry != nullptr; ++entry) { variables.emplace_back(*entry); }
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setflags(&attributes, flags);
  pid_t child = 0;
  const int error = ::posix_spawn(&child, program.c_str(), nullptr, &attributes, pointers(words).data(),
                                  pointers(variables).data());
  ::posix_spawnattr_destroy(&attributes);
  if (error != 0) { throw std::system_error(error, std::generic_category(), "cannot start a child process"); }
  return child;
}

ChildEnd end_of(int status) {
  const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  return {.exit_code = signal != 0 ? 128 + signal : WEXITSTATUS(status), .signal = signal};
}

// How a program ends after a signal of install_interrupt_handler, whether it came to its end by itself or was ended by a
// second one.
bool is_stop(int exit_code) {
  static constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};
  return std::ranges::find(kSignals, exit_code - 128) != kSignals.end();
}

// Until the process of this descriptor has ended, a tenth of a second at most; a shorter time where the system has no such
// descriptors. The signal to hand on may have come to another thread, so that it ends no wait here.
void wait_for(int process) {
  pollfd wanted{.fd = process, .events = POLLIN, .revents = 0};
  ::poll(&wanted, process >= 0 ? 1 : 0, process >= 0 ? 100 : 10);
}

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
  const double begin = monotonic_seconds();
  const pid_t child = spawn_self(arguments, environment, 0);
  const int end = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
  bool told = false;
  std::optional<ChildEnd> ended;
  while (!(ended = poll_child(child))) {
    if (interrupted() && !told) { told = ::kill(child, SIGUSR1) == 0; }
    wait_for(end);
  }
  if (end >= 0) { ::close(end); }
  if (!interrupted() && is_stop(ended->exit_code)) { note_interrupt_elsewhere(ended->exit_code - 128); }
  return {.exit_code = ended->exit_code, .seconds = monotonic_seconds() - begin};
}

void check_child(const ChildResult& result, const std::string& what, const std::string& advice) {
  if (result.exit_code == 0) { return; }
  if (interrupted()) { throw Interrupted(cat("stopped during ", what, advice)); }
  check_input(result.exit_code <= 128, what, " was killed by signal ", result.exit_code - 128,
              result.exit_code == 128 + SIGKILL ? " (the system does this when memory runs out)" : "",
              advice);
  check_input(false, what, " ended with exit code ", result.exit_code, " (see above)", advice);
}

pid_t start_self(const std::vector<std::string>& arguments, const std::vector<std::string>& environment) {
  return spawn_self(arguments, environment, POSIX_SPAWN_SETPGROUP);  // of number 0: its own
}

std::optional<ChildEnd> poll_child(pid_t child) {
  int status = 0;
  pid_t found = 0;
  do { found = ::waitpid(child, &status, WNOHANG); } while (found < 0 && errno == EINTR);
  check(found >= 0, "lost a child process");
  return found == 0 ? std::nullopt : std::optional(end_of(status));
}

}  // namespace una
