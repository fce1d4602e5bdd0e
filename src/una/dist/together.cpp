#include "una/dist/together.h"

#include <string>

#include "una/base/error.h"
#include "una/base/json.h"
#include "una/base/os/interrupt.h"
#include "una/base/os/interrupt_elsewhere.h"

namespace una::dist {
namespace {

// What a rank tells the others: "", or a letter for the kind of exception and its sentence.
constexpr char kInput = 'i', kStopped = 's';

}  // namespace

void together(Gang& gang, const std::function<void()>& own_share) {
  std::string told;
  try {
    own_share();
  } catch (const Interrupted& stopped) {
    told = kStopped + Json{interrupt_signal(), stopped.what()}.dump();
  } catch (const InputError& error) { told = kInput + std::string(error.what()); }
  for (const std::string& one : gang.gather_all(told)) {
    if (one.empty()) { continue; }
    if (one.front() == kStopped) {
      const Json parts = Json::parse(one.substr(1));
      if (!interrupted()) { note_interrupt_elsewhere(parts[0].get<int>()); }
      throw Interrupted(parts[1].get<std::string>());
    }
    throw InputError(one.substr(1));
  }
}

}  // namespace una::dist
