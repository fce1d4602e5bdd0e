# una_units(<sources variable> <target> ALONE <pattern>...): replaces the sources in the variable by the units that compile
# them, several sources to a unit (tools/unity_units.py says which and why). Sources that match a pattern of ALONE, those with
# compiler options of their own, stay as they are. A clean build takes about a third of the time with it, the build after
# a change of one source longer (its unit is compiled): who edits a lot turns UNA_UNITY off.
option(UNA_UNITY "compile several sources at once: a faster clean build, a slower one after an edit" ON)
set(UNA_UNITY_SIZE 8 CACHE STRING "the most sources of a unit")
find_program(UNA_PYTHON python3)

function(una_units variable target)
  cmake_parse_arguments(ARG "" "" "ALONE" ${ARGN})
  if(NOT UNA_UNITY OR NOT UNA_PYTHON OR NOT ${variable})
    return()
  endif()
  set(alone "")
  set(sources ${${variable}})
  foreach(pattern IN LISTS ARG_ALONE)
    set(matching ${sources})
    list(FILTER matching INCLUDE REGEX "${pattern}")
    list(FILTER sources EXCLUDE REGEX "${pattern}")
    list(APPEND alone ${matching})
  endforeach()
  # A changed source may no longer fit into its unit.
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${sources} ${PROJECT_SOURCE_DIR}/tools/unity_units.py)
  execute_process(COMMAND ${UNA_PYTHON} ${PROJECT_SOURCE_DIR}/tools/unity_units.py
    ${CMAKE_CURRENT_BINARY_DIR}/${target}_units ${UNA_UNITY_SIZE} ${sources}
    OUTPUT_VARIABLE units COMMAND_ERROR_IS_FATAL ANY)
  set(${variable} ${units} ${alone} PARENT_SCOPE)
endfunction()
