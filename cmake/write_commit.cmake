# cmake -DSOURCE=DIR -DOUT=FILE -P: UNA_COMMIT, "commit abc1234", with "and changes" where the tree differs from it.
find_package(Git QUIET)
set(text "no commit known")
if(GIT_FOUND)
  execute_process(COMMAND ${GIT_EXECUTABLE} -C ${SOURCE} rev-parse --short=10 HEAD OUTPUT_VARIABLE commit
    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  execute_process(COMMAND ${GIT_EXECUTABLE} -C ${SOURCE} status --porcelain --untracked-files=no OUTPUT_VARIABLE changes
    ERROR_QUIET)
  if(commit)
    set(text "commit ${commit}")
    if(changes)
      string(APPEND text " and changes")
    endif()
  endif()
endif()
file(CONFIGURE OUTPUT ${OUT} CONTENT "#define UNA_COMMIT \"${text}\"\n" @ONLY)
