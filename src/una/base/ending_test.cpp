#include "una/base/ending.h"

#include <new>
#include <system_error>

#include <gtest/gtest.h>

#include "una/base/error.h"

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

}  // namespace
}  // namespace una
