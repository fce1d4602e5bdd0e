# Two precompiled headers, shared by all rooms: most of a compilation is parsing ATen and nlohmann/json. They hold
# outside headers only, and every source still includes what it uses: ./dev lint compiles without them. A compiler cache
# hashes the precompiled file (370 MB) for each object, so they are off where ccache is found.
if(UNA_CCACHE)
  option(UNA_PRECOMPILED "compile with precompiled headers" OFF)
else()
  option(UNA_PRECOMPILED "compile with precompiled headers" ON)
endif()

set(_una_common <algorithm> <array> <cmath> <cstdint> <filesystem> <functional> <map> <memory> <optional> <set> <span>
  <string> <string_view> <unordered_map> <vector> <nlohmann/json.hpp>)

function(_una_precompiled name)
  if(NOT EXISTS "${CMAKE_BINARY_DIR}/empty.cpp")
    file(WRITE "${CMAKE_BINARY_DIR}/empty.cpp" "")  # once: a newer file is compiled again
  endif()
  add_library(una_precompiled_${name} OBJECT "${CMAKE_BINARY_DIR}/empty.cpp")
  target_link_libraries(una_precompiled_${name} PRIVATE una_flags)
  target_precompile_headers(una_precompiled_${name} PRIVATE ${_una_common} ${ARGN})
endfunction()

if(UNA_PRECOMPILED)
  # -fopenmp: a header serves only what is compiled with its own options. The others: like -Wrestrict, g++ 12 reports the
  # standard library's own memcpy under these names, but only where its headers come precompiled.
  target_compile_options(una_flags INTERFACE -fopenmp -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
  _una_precompiled(plain)
  _una_precompiled(torch <ATen/Parallel.h> <ATen/TensorOperators.h> <ATen/core/Tensor.h> <ATen/core/grad_mode.h>)
  target_link_libraries(una_precompiled_torch PRIVATE una_torch)
endif()

# una_precompiled(<target> <room>): the header that pays for the room: ATen's where a third of the sources include a tensor.
set(_una_tensor_rooms core data dist generate gguf kernels model objective online recipe rollout run serve setup study train weights)
function(una_precompiled target room)
  if(NOT UNA_PRECOMPILED)
    return()
  endif()
  if(room IN_LIST _una_tensor_rooms)
    target_precompile_headers(${target} REUSE_FROM una_precompiled_torch)
  else()
    target_precompile_headers(${target} REUSE_FROM una_precompiled_plain)
  endif()
endfunction()
