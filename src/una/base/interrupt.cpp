#include "una/base/interrupt.h"

#include <csignal>

namespace una {
namespace {

volatile std::sig_atomic_t signal_seen = 0;

void on_signal(int number) {
  if (signal_seen != 0) {
    std::signal(number, SIG_DFL);
    std::raise(number);
  }
  signal_seen = number;
}

}  // namespace

void install_interrupt_handler() {
  struct sigaction action{};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() { return signal_seen != 0; }

int interrupt_signal() { return signal_seen; }

void clear_interrupt() { signal_seen = 0; }

}  // namespace una
