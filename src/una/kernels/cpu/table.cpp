#include "una/kernels/cpu/table.h"

#include <cstdlib>
#include <string>
#include <string_view>

#include "una/base/error.h"
#include "una/base/format.h"

namespace una::kernels::cpu {

extern const Tables kDefaultTables;
#if defined(__x86_64__)
extern const Tables kAvx512Bf16Tables, kAvx512Tables, kAvx2Tables;
#endif

namespace {

const Tables* widest() {
  for (const char* name : {"avx512_bf16", "avx512", "avx2"}) {
    if (const Tables* found = tables_named(name)) { return found; }
  }
  return &kDefaultTables;
}

const Tables& choose() {
  const char* wanted = std::getenv("UNA_CPU_ISA");
  if (wanted == nullptr || *wanted == '\0') { return *widest(); }
  const Tables* found = tables_named(wanted);
  check_input(found != nullptr, "UNA_CPU_ISA=", wanted,
              ": this machine offers no such instruction set; use avx512_bf16, "
              "avx512, avx2 or default, or unset it");
  return *found;
}

}  // namespace

const Tables* tables_named(const char* name) {
  const std::string wanted = name;
  if (wanted == "default") { return &kDefaultTables; }
#if defined(__x86_64__)
  if (wanted == "avx2" && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
      __builtin_cpu_supports("bmi2")) {
    return &kAvx2Tables;
  }
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512cd");
  if (wanted == "avx512" && avx512) { return &kAvx512Tables; }
  if (wanted == "avx512_bf16" && avx512 && __builtin_cpu_supports("avx512bf16")) {
    return &kAvx512Bf16Tables;
  }
#endif
  return nullptr;
}

bool multiplies_bf16() { return std::string_view(tables().name) == "avx512_bf16"; }

const Tables& tables() {
  static const Tables& chosen = choose();
  return chosen;
}

}  // namespace una::kernels::cpu
