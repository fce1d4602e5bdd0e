# LibTorch from the Python wheel: own imported targets, never find_package(Torch) (it enables CUDA and sets global
# flags). UNA_TORCH_SITE holds torch/ and nvidia/; its libraries find each other by relative RPATH.
set(UNA_TORCH_SITE "${PROJECT_SOURCE_DIR}/.deps/site" CACHE PATH "folder with torch/ and nvidia/ of the wheels")
set(_t "${UNA_TORCH_SITE}/torch")
if(EXISTS "${_t}/include/torch/headeronly/version.h")
  file(STRINGS "${_t}/include/torch/headeronly/version.h" _v REGEX "\"2[.]11[.]0\"")
endif()
if(NOT _v)
  message(FATAL_ERROR "LibTorch 2.11.0 is not in ${_t}: run ./dev setup")
endif()
add_library(una_torch INTERFACE)
target_include_directories(una_torch SYSTEM INTERFACE "${_t}/include" "${_t}/include/torch/csrc/api/include")
target_compile_definitions(una_torch INTERFACE USE_DISTRIBUTED)
# -fopenmp makes at::parallel_for parallel; a compile option only, the link takes the wheel's own libgomp.
target_compile_options(una_torch INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fopenmp>)
target_link_options(una_torch INTERFACE "LINKER:--disable-new-dtags"
  "LINKER:-rpath,${_t}/lib" "LINKER:--allow-shlib-undefined")
foreach(_l torch_cpu.so c10.so gomp.so.1)
  string(REGEX REPLACE "[.]so.*" "" _n ${_l})
  add_library(torch::${_n} SHARED IMPORTED GLOBAL)
  set_target_properties(torch::${_n} PROPERTIES IMPORTED_LOCATION "${_t}/lib/lib${_l}" IMPORTED_NO_SONAME TRUE)
endforeach()
set_target_properties(torch::torch_cpu torch::c10 torch::gomp PROPERTIES IMPORTED_NO_SONAME FALSE)
target_link_libraries(una_torch INTERFACE torch::torch_cpu torch::c10 torch::gomp)
