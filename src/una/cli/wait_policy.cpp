#include "una/cli/wait_policy.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <unistd.h>

#include "una/base/os/process_limits.h"

namespace una {

const char* wait_policy_entry(const char* choice, char* buffer, unsigned long size) {
  if (choice != nullptr && std::strcmp(choice, "passive") == 0) { return "OMP_WAIT_POLICY=passive"; }
  const char* turns = nullptr;
  if (choice != nullptr && std::strncmp(choice, "bounded:", 8) == 0) { turns = choice + 8; }
  const bool bounded =
      choice == nullptr || std::strcmp(choice, "auto") == 0 || std::strcmp(choice, "bounded") == 0;
  if (!bounded && turns == nullptr) { return nullptr; }
  const long count = turns != nullptr ? std::strtol(turns, nullptr, 10) : kSpinTurns;
  if (count <= 0) { return nullptr; }
  std::snprintf(buffer, size, "GOMP_SPINCOUNT=%ld", count);
  return buffer;
}

namespace {

constexpr int kMostVariables = 20'000;

const char* find(char** environment, const char* name) {
  const std::size_t length = std::strlen(name);
  for (char** entry = environment; *entry != nullptr; ++entry) {
    if (std::strncmp(*entry, name, length) == 0 && (*entry)[length] == '=') { return *entry + length + 1; }
  }
  return nullptr;
}

// Runs before any constructor, so before libgomp reads the environment. It can only call what needs no set-up, and
// returns where anything is unusual: then libgomp's own default holds.
void choose_wait_policy(int /*argc*/, char** argv, char** environment) {
  for (const char* name : {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "LD_DEBUG"}) {
    if (find(environment, name) != nullptr) { return; }
  }
  std::array<char, 64> buffer{};
  const char* entry = wait_policy_entry(find(environment, "UNA_WAIT_POLICY"), buffer.data(), buffer.size());
  if (entry == nullptr) { return; }
  std::array<char, 4096> program{};
  const ssize_t length = ::readlink("/proc/self/exe", program.data(), program.size() - 1);
  if (length <= 0 || length == std::ssize(program) - 1) { return; }
  const char* slash = std::strrchr(program.data(), '/');
  if (slash == nullptr || std::strncmp(slash, "/ld", 3) == 0) {
    return;
  }  // started through the loader by name
  int count = 0;
  while (environment[count] != nullptr) { ++count; }
  if (count > kMostVariables) { return; }
  auto** extended =
      static_cast<char**>(__builtin_alloca((static_cast<std::size_t>(count) + 2) * sizeof(char*)));
  std::memcpy(extended, environment, static_cast<std::size_t>(count) * sizeof(char*));
  extended[count] = const_cast<char*>(entry);
  extended[count + 1] = nullptr;
  ::execve(program.data(), argv, extended);  // returns only when it failed
}

void check_limits() {
  std::array<char, 300> buffer{};
  const char* problem = problem_of_limits(buffer.data(), buffer.size());
  if (problem == nullptr) { return; }
  std::array<char, 320> line{};
  const int size = std::snprintf(line.data(), line.size(), "una: %s\n", problem);
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), static_cast<std::size_t>(size));
  ::_exit(2);
}

void start(int count, char** argv, char** environment) {
  check_limits();
  choose_wait_policy(count, argv, environment);
}

[[gnu::section(".preinit_array"), gnu::used]] void (*const start_first)(int, char**, char**) = start;

}  // namespace
}  // namespace una
