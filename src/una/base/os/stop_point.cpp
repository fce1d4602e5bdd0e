#include "una/base/os/stop_point.h"

#include <atomic>

#include "una/base/os/interrupt.h"

namespace una {
namespace {

std::atomic<int> scopes{0};  // of the whole process, as signals are

}  // namespace

StopScope::StopScope() { ++scopes; }

StopScope::~StopScope() { --scopes; }

void stop_point() {
  if (scopes > 0 && interrupted()) { throw Interrupted("stopped; nothing was written"); }
}

}  // namespace una
