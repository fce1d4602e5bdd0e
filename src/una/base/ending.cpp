#include "una/base/ending.h"

#include <new>
#include <string_view>
#include <system_error>

#include "una/base/error.h"
#include "una/base/files/watched_file.h"
#include "una/base/format.h"
#include "una/base/os/interrupt.h"

namespace una {
namespace {

constexpr const char* kOutOfMemory =
    "out of memory; a smaller max_tokens_per_micro_batch, gradient_checkpointing or a smaller lora_r helps";

// LibTorch's allocator has an exception of its own.
bool is_out_of_memory(const std::exception& error) {
  return dynamic_cast<const std::bad_alloc*>(&error) != nullptr ||
         std::string_view(error.what()).find("DefaultCPUAllocator: can't allocate memory") !=
             std::string_view::npos;
}

Ending plain_ending_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const Interrupted& stopped) {
    return {interrupted() ? 128 + interrupt_signal() : kExitInput, stopped.what()};
  } catch (const InputError& input) { return {kExitInput, input.what()}; } catch (const Retryable& lost) {
    return {kExitTryAgain, lost.what()};
  } catch (
      const std::system_error& refused) {  // the system refuses a file, a folder or a thread, and names it
    return {kExitInput, refused.what()};
  } catch (const std::exception& other) {
    if (is_out_of_memory(other)) { return {kExitInput, kOutOfMemory}; }
    return {kExitFault, std::string("internal error: ") + other.what()};
  } catch (...) { return {kExitFault, "internal error: an unknown exception"}; }
}

}  // namespace

Ending ending_of(const std::exception_ptr& error) {
  Ending ending = plain_ending_of(error);
  if (ending.exit_code != kExitInput && ending.exit_code != kExitFault) { return ending; }
  try {
    check_watched_files();
  } catch (const InputError& changed) {  // the cause, where the rest is what came of it: NaN, broken rows
    if (ending.sentence != changed.what()) {
      return {kExitInput, cat(changed.what(), "; it led to: ", ending.sentence)};
    }
  }
  return ending;
}

}  // namespace una
