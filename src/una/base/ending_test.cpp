#include "una/base/ending.h"

#include <csignal>
#include <filesystem>
#include <new>
#include <optional>
#include <system_error>
#include <utility>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/files/watched_file.h"
#include "una/base/os/interrupt.h"
#include "una/base/os/interrupt_elsewhere.h"
#include "una/base/testing.h"

namespace una {
namespace {

template <class Error>
Ending ending(const Error& error) {
  return ending_of(std::make_exception_ptr(error));
}

TEST(Ending, TheExitCodeTellsWhoCanHelp) {
  EXPECT_EQ(ending(InputError("x.jsonl:3: no prompt")).exit_code, 2);
  EXPECT_EQ(ending(InputError("x.jsonl:3: no prompt")).sentence, "x.jsonl:3: no prompt");
  EXPECT_EQ(ending(Retryable("rank 3 on host b is gone")).exit_code, 75);
  EXPECT_EQ(ending(Retryable("rank 3 on host b is gone")).sentence, "rank 3 on host b is gone");
  EXPECT_EQ(ending(InternalError("a row without an answer")).exit_code, 1);
  EXPECT_EQ(ending(InternalError("a row without an answer")).sentence,
            "internal error: a row without an answer");
  EXPECT_EQ(ending(std::bad_alloc()).exit_code, 2);
  EXPECT_NE(ending(std::bad_alloc()).sentence.find("out of memory"), std::string::npos);
  EXPECT_EQ(ending(std::runtime_error("DefaultCPUAllocator: can't allocate memory: 8 bytes")).exit_code, 2);
  EXPECT_EQ(ending(std::system_error(std::make_error_code(std::errc::permission_denied))).exit_code, 2);
  EXPECT_EQ(ending(3).exit_code, 1);
}

TEST(Ending, AnErrorThatCameBesideASignalIsNotAStop) {
  note_interrupt_elsewhere(SIGTERM);
  EXPECT_EQ(ending(Interrupted("stopped; nothing was written")).exit_code, 128 + SIGTERM);
  EXPECT_EQ(ending(InputError("x.jsonl:3: no prompt")).exit_code, 2);
  clear_interrupt();
}

TEST(Ending, AFileThatWasChangedInUseIsTheCauseOfWhatCameOfIt) {
  const std::string path = test_folder("ending") + "/model.safetensors";
  write_file(path, "weights");
  std::optional<WatchedFile> watch(std::in_place, path, nullptr, 0);
  std::filesystem::resize_file(path, 3);
  const Ending broken = ending(InternalError("NaN"));
  EXPECT_EQ(broken.exit_code, 2);
  EXPECT_EQ(broken.sentence.find(path + " was changed while it was in use"), 0U) << broken.sentence;
  EXPECT_NE(broken.sentence.find("it led to: internal error: NaN"), std::string::npos) << broken.sentence;
  EXPECT_EQ(ending(Retryable("rank 3 is gone")).exit_code, 75);
  watch.reset();  // it notes the change once more
  forget_changed_files();
}

}  // namespace
}  // namespace una
