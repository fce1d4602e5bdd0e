#include "una/base/os/interrupt.h"

#include <atomic>
#include <csignal>

#include "una/base/files/end_cleanup.h"
#include "una/base/os/interrupt_elsewhere.h"

namespace una {
namespace {

volatile std::sig_atomic_t signal_seen = 0;
std::atomic<int> signal_elsewhere{0};

void on_signal(int number) {
  if (signal_seen == 0) {
    signal_seen = number;
  } else if (number == SIGINT || number == SIGTERM) {
    clean_up_at_end();
    std::signal(number, SIG_DFL);
    std::raise(number);
  }
}

// Not SIG_IGN, which the programs that una starts would inherit.
void on_pipe(int) {}

void install(int number, void (*handler)(int), int flags) {
  struct sigaction action{};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigemptyset(&action.sa_mask);
  sigaction(number, &action, nullptr);
}

bool is_ignored(int number) {
  struct sigaction action{};
  return sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

void install_interrupt_handler() {
  for (const int number : {SIGINT, SIGTERM, SIGUSR1, SIGUSR2}) { install(number, on_signal, 0); }
  if (!is_ignored(SIGHUP)) { install(SIGHUP, on_signal, 0); }
  install(SIGPIPE, on_pipe, SA_RESTART);
}

bool interrupted() { return interrupt_signal() != 0; }

int interrupt_signal() { return signal_seen != 0 ? signal_seen : signal_elsewhere.load(); }

void note_interrupt_elsewhere(int signal) { signal_elsewhere = signal; }

void clear_interrupt() {
  signal_seen = 0;
  signal_elsewhere = 0;
}

bool forget_ctrl_c() {
  if (signal_seen != SIGINT) { return false; }
  signal_seen = 0;
  return true;
}

}  // namespace una
