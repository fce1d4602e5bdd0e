#include "una/base/os/shell_command.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "una/base/clock.h"
#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/os/interrupt.h"

extern char** environ;

namespace una {
namespace {

constexpr int kLook = 100;    // milliseconds between two looks at Ctrl-C and the clock
constexpr double kMercy = 1;  // seconds from SIGTERM to SIGKILL
constexpr int kFirstPause =
    1000;  // microseconds before the exit code is asked for again; doubled up to kLook

// A file descriptor, closed with its owner.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() { close(); }
  void close() {
    if (number_ >= 0) { ::close(std::exchange(number_, -1)); }
  }
  int number() const { return number_; }

 private:
  int number_;
};

// Anonymous memory that reads like a file: nothing of the rows reaches a folder that others can read.
Descriptor file_of(std::string_view bytes, const std::string& what) {
  Descriptor file(::memfd_create("una-input", MFD_CLOEXEC));
  check_input(file.number() >= 0, what, ": no memory for its input: ", std::strerror(errno));
  while (!bytes.empty()) {
    const ssize_t written = ::write(file.number(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) { continue; }
    check_input(written > 0, what, ": no memory for its input: ", std::strerror(errno));
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  ::lseek(file.number(), 0, SEEK_SET);
  return file;
}

// The arguments of posix_spawn, which forks without copying the memory of a large process. Signals that una
// handles or ignores go back to their defaults in the child.
struct Spawning {
  posix_spawn_file_actions_t files{};
  posix_spawnattr_t attributes{};
  Spawning() {
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setpgroup(&attributes, 0);
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setsigmask(&attributes, &none);
  }
  ~Spawning() {
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
  }
  Spawning(const Spawning&) = delete;
  Spawning& operator=(const Spawning&) = delete;
};

// A running shell, the leader of its process group. Ended with its owner, so that no exception leaves it behind.
class Shell {
 public:
  // `output` -1: our own standard output.
  Shell(const std::string& line, int input, int output, const std::string& what) {
    Spawning spawning;
    posix_spawn_file_actions_adddup2(&spawning.files, input, STDIN_FILENO);
    if (output >= 0) { posix_spawn_file_actions_adddup2(&spawning.files, output, STDOUT_FILENO); }
    std::array<std::string, 3> words = {"sh", "-c", line};
    std::array<char*, 4> arguments = {words[0].data(), words[1].data(), words[2].data(), nullptr};
    const int trouble =
        ::posix_spawn(&id_, "/bin/sh", &spawning.files, &spawning.attributes, arguments.data(), environ);
    check_input(trouble == 0, what, " cannot be started (", std::strerror(trouble), "): ", line);
  }
  ~Shell() { end(); }
  Shell(const Shell&) = delete;
  Shell& operator=(const Shell&) = delete;

  bool is_over() {
    if (status_) { return true; }
    int status = 0;
    const pid_t found = ::waitpid(id_, &status, WNOHANG);
    if (found == id_ || (found < 0 && errno != EINTR)) { status_ = status; }
    return status_.has_value();
  }
  int exit_code() const {
    check(status_.has_value(), "the exit code of a shell that runs");
    const int status = status_.value_or(0);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }

  // Ends the group. While the shell has not been waited for, its number cannot belong to anyone else.
  void end() {
    if (is_over()) { return; }
    ::kill(-id_, SIGTERM);
    const double begin = monotonic_seconds();
    while (!is_over() && monotonic_seconds() - begin < kMercy) { ::usleep(kFirstPause); }
    if (status_) { return; }
    ::kill(-id_, SIGKILL);
    while (!is_over()) { ::usleep(kFirstPause); }
  }

 private:
  pid_t id_ = -1;
  std::optional<int> status_;
};

// What a command has written so far.
class Output {
 public:
  Output(int descriptor, const ShellOptions& options) : descriptor_(descriptor), options_(options) {
    ::fcntl(descriptor, F_SETFL, O_NONBLOCK);
  }
  // Waits for bytes, `milliseconds` at most. False: the command has closed its output.
  bool wait(int milliseconds) {
    pollfd poll{.fd = descriptor_, .events = POLLIN, .revents = 0};
    return ::poll(&poll, 1, milliseconds) <= 0 || take();
  }
  // Reads what is there. False at the end of the output.
  bool take() {
    std::array<char, 65536> buffer;
    while (true) {
      const ssize_t count = ::read(descriptor_, buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR) { continue; }
      if (count <= 0) { return count < 0 && errno == EAGAIN; }
      add({buffer.data(), static_cast<std::size_t>(count)});
    }
  }
  std::string& text() { return text_; }

 private:
  void add(std::string_view bytes) {
    lines_ += static_cast<std::size_t>(std::count(bytes.begin(), bytes.end(), '\n'));
    check_input(options_.most_lines == 0 || lines_ <= options_.most_lines, options_.what, " wrote more than ",
                options_.most_lines, " lines and was ended");
    check_input(options_.most_bytes == 0 || text_.size() + bytes.size() <= options_.most_bytes, options_.what,
                " wrote more than ", human_bytes(static_cast<double>(options_.most_bytes)), " and was ended");
    text_ += bytes;
  }

  int descriptor_;
  const ShellOptions& options_;
  std::string text_;
  std::size_t lines_ = 0;
};

void check_time(double begin, const ShellOptions& options, const std::string& line) {
  if (interrupted()) { throw Interrupted(cat("stopped while waiting for ", options.what)); }
  check_input(options.time_limit <= 0 || monotonic_seconds() - begin < options.time_limit, options.what,
              " did not end within ", significant(options.time_limit, 6), " s and was ended: ", line);
}

// Until the shell is over; it closed its output already, or never had one of its own.
void wait_for(Shell& shell, double begin, const ShellOptions& options, const std::string& line) {
  for (int pause = kFirstPause; !shell.is_over(); pause = std::min(2 * pause, kLook * 1000)) {
    check_time(begin, options, line);
    ::usleep(static_cast<useconds_t>(pause));
  }
}

}  // namespace

std::string shell_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) { out += c == '\'' ? std::string("'\\''") : std::string(1, c); }
  return out + "'";
}

ShellResult read_shell_command(const std::string& line, std::string_view input, const ShellOptions& options) {
  const Descriptor file = file_of(input, options.what);
  int ends[2] = {-1, -1};
  check_input(::pipe2(ends, O_CLOEXEC) == 0, options.what, ": no pipe: ", std::strerror(errno));
  const Descriptor reading(ends[0]);
  Descriptor writing(ends[1]);
  Shell shell(line, file.number(), writing.number(), options.what);
  writing.close();
  const double begin = monotonic_seconds();
  Output output(reading.number(), options);
  while (output.wait(kLook)) {
    check_time(begin, options, line);
    if (shell.is_over()) {
      output.take();  // a child in the background may hold the other end
      break;
    }
  }
  wait_for(shell, begin, options, line);
  return {.exit_code = shell.exit_code(), .output = std::move(output.text())};
}

ShellResult run_shell_command(const std::string& line, const ShellOptions& options) {
  const Descriptor file = file_of("", options.what);
  Shell shell(line, file.number(), -1, options.what);
  wait_for(shell, monotonic_seconds(), options, line);
  return {.exit_code = shell.exit_code(), .output = ""};
}

}  // namespace una
