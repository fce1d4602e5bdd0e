# una_embed(<room> <namespace> name=file ...): text files become std::string_view constants of the room, through a
# generated source in the build folder. Files are relative to the project's root.
find_package(Python3 COMPONENTS Interpreter REQUIRED)
function(una_embed room namespace)
  set(files "")
  set(pairs "")
  foreach(pair IN LISTS ARGN)
    string(REGEX MATCH "^([^=]+)=(.+)$" _ "${pair}")
    list(APPEND files "${PROJECT_SOURCE_DIR}/${CMAKE_MATCH_2}")
    list(APPEND pairs "${CMAKE_MATCH_1}=${PROJECT_SOURCE_DIR}/${CMAKE_MATCH_2}")
  endforeach()
  set(out "${CMAKE_CURRENT_BINARY_DIR}/embedded.cpp")
  add_custom_command(OUTPUT "${out}"
    COMMAND Python3::Interpreter "${PROJECT_SOURCE_DIR}/tools/embed.py" "${out}" ${namespace} ${pairs}
    DEPENDS "${PROJECT_SOURCE_DIR}/tools/embed.py" ${files} VERBATIM)
  target_sources(una_${room} PRIVATE "${out}")
endfunction()
