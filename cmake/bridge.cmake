# The Rust bridge: one static library with a C ABI (Hugging Face tokenizers, minijinja, and Parquet unless
# UNA_PARQUET is off). The cargo target folder is
# shared by all build folders; cargo does its own locking.
set(UNA_BRIDGE_TARGET "${PROJECT_SOURCE_DIR}/.deps/bridge" CACHE PATH "cargo target folder")
set(_lib "${UNA_BRIDGE_TARGET}/release/libuna_bridge.a")
option(UNA_PARQUET "read Parquet files (crates parquet and arrow)" ON)
set(_bridge_features $<$<BOOL:${UNA_PARQUET}>:--features=parquet>)
set(_cargo_environment CARGO_TARGET_DIR=${UNA_BRIDGE_TARGET})
if(UNA_FUZZ)
  # libFuzzer sees only code with its counters. A named target keeps them out of cargo's own build scripts.
  set(_triple x86_64-unknown-linux-gnu)
  set(_lib "${UNA_BRIDGE_TARGET}/${_triple}/release/libuna_bridge.a")
  set(_counters level=4 inline-8bit-counters pc-table trace-compares)
  list(TRANSFORM _counters PREPEND "-Cllvm-args=-sanitizer-coverage-")
  list(JOIN _counters " " _counters)
  list(APPEND _cargo_environment CARGO_BUILD_TARGET=${_triple} CARGO_PROFILE_RELEASE_LTO=off
    "RUSTFLAGS=-Cpasses=sancov-module ${_counters}")
endif()
file(GLOB _bridge_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/bridge/src/*.rs")
add_custom_command(OUTPUT "${_lib}"
  COMMAND ${CMAKE_COMMAND} -E env ${_cargo_environment} cargo build --release --locked --quiet ${_bridge_features}
  COMMAND ${CMAKE_COMMAND} -E touch "${_lib}"
  WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}/bridge"
  DEPENDS ${_bridge_sources} "${PROJECT_SOURCE_DIR}/bridge/Cargo.toml" "${PROJECT_SOURCE_DIR}/bridge/Cargo.lock"
  COMMENT "cargo build (bridge: tokenizers, minijinja, parquet)" VERBATIM COMMAND_EXPAND_LISTS)
add_custom_target(una_bridge_build DEPENDS "${_lib}")
add_library(una_bridge INTERFACE)
add_dependencies(una_bridge una_bridge_build)
target_include_directories(una_bridge INTERFACE "${PROJECT_SOURCE_DIR}/bridge/include")
target_link_libraries(una_bridge INTERFACE "${_lib}" dl pthread m)
target_link_options(una_bridge INTERFACE "LINKER:--exclude-libs,libuna_bridge.a")
