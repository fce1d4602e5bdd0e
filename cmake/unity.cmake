# una_units(<sources variable> <target> ALONE <pattern>...): replaces the sources in the variable by the units that compile
# them, several sources to a unit (tools/unity_units.py says which and why). Sources that match a pattern of ALONE, those with
# compiler options of their own, stay as they are. A clean build takes about half of the time with it, the build after
# a change of one source longer (its unit is compiled): who edits a lot turns UNA_UNITY off.
option(UNA_UNITY "compile several sources at once: a faster clean build, a slower one after an edit" ON)
set(UNA_UNITY_SIZE 8 CACHE STRING "the most sources of a unit")
find_program(UNA_PYTHON python3)

# True where the units in the folder were chosen of these sources as they are now: an edit changes the units of one target, and
# choosing those of all takes ten times as long as the rest of a configuration.
function(_una_units_are_current variable folder)
  set(${variable} FALSE PARENT_SCOPE)
  if(NOT EXISTS ${folder}/units.txt)
    return()
  endif()
  file(READ ${folder}/sources.txt then)
  if(NOT "${then}" STREQUAL "${ARGN}")
    return()
  endif()
  list(POP_FRONT ARGN)
  foreach(file IN LISTS ARGN ITEMS ${PROJECT_SOURCE_DIR}/tools/unity_units.py)
    if("${file}" IS_NEWER_THAN "${folder}/units.txt")
      return()
    endif()
  endforeach()
  set(${variable} TRUE PARENT_SCOPE)
endfunction()

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
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/${target}_units)
  _una_units_are_current(current ${folder} ${UNA_UNITY_SIZE} ${sources})
  if(NOT current)
    execute_process(COMMAND ${UNA_PYTHON} ${PROJECT_SOURCE_DIR}/tools/unity_units.py ${folder} ${UNA_UNITY_SIZE} ${sources}
      OUTPUT_VARIABLE units COMMAND_ERROR_IS_FATAL ANY)
    file(WRITE ${folder}/sources.txt "${UNA_UNITY_SIZE};${sources}")
    file(WRITE ${folder}/units.txt "${units}")
  endif()
  file(READ ${folder}/units.txt units)
  set(${variable} ${units} ${alone} PARENT_SCOPE)
endfunction()
