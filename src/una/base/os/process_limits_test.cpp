#include "una/base/os/process_limits.h"

#include <cstdio>
#include <cstdlib>

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/resource.h>

#include "una/base/error.h"

namespace una {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;  // takes terabytes of address space
#else
constexpr bool kSanitized = false;
#endif

// In a child: under a limit, soft and hard. Exit code 2 with the sentence, as the program ends, or 0.
[[noreturn]] void check_under(__rlimit_resource which, rlim_t soft, rlim_t hard) {
  const rlimit limit{soft, hard};
  ::setrlimit(which, &limit);
  try {
    check_process_limits();
  } catch (const InputError& error) {
    std::fprintf(stderr, "%s\n", error.what());
    std::_Exit(2);
  }
  pthread_attr_t attributes;
  std::size_t stack = 0;
  ::pthread_getattr_default_np(&attributes);
  ::pthread_attr_getstacksize(&attributes, &stack);
  rlimit now{};
  ::getrlimit(RLIMIT_STACK, &now);
  std::fprintf(stderr, "stack of %zu kB, of threads %zu kB\n", static_cast<std::size_t>(now.rlim_cur >> 10U),
               stack >> 10U);
  std::_Exit(0);
}

TEST(ProcessLimits, ASmallStackIsRaisedOrRefused) {
  constexpr rlim_t kB = 1024;
  EXPECT_EXIT(check_under(RLIMIT_STACK, 64 * kB, RLIM_INFINITY), testing::ExitedWithCode(0),
              "stack of 8192 kB, of threads 8192 kB");
  EXPECT_EXIT(check_under(RLIMIT_STACK, 64 * kB, 4096 * kB), testing::ExitedWithCode(0),
              "stack of 4096 kB, of threads 4096 kB");
  EXPECT_EXIT(check_under(RLIMIT_STACK, 64 * kB, 64 * kB), testing::ExitedWithCode(2),
              "the stack may have 64 kB only; una needs 1024 \\(ulimit -s 8192\\)");
}

TEST(ProcessLimits, TooLittleAddressSpaceIsRefused) {
  if (kSanitized) { GTEST_SKIP() << "a sanitizer takes more address space than any limit"; }
  constexpr rlim_t kMB = 1024 * 1024;
  EXPECT_EXIT(
      check_under(RLIMIT_AS, 200 * kMB, RLIM_INFINITY), testing::ExitedWithCode(2),
      "may have 200 MB of address space only; the smallest model needs [0-9]+ \\(ulimit -v [0-9]+ or more\\)");
  EXPECT_EXIT(check_under(RLIMIT_AS, 8192 * kMB, RLIM_INFINITY), testing::ExitedWithCode(0), "stack of");
}

}  // namespace
}  // namespace una
