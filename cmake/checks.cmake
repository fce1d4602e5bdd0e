# What no machine checks is a wish: includes, sizes and format as tests.
find_package(Python3 COMPONENTS Interpreter REQUIRED)
add_test(NAME style.rooms COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tools/check_rooms.py
  ${PROJECT_SOURCE_DIR}/src/una ${PROJECT_SOURCE_DIR}/rooms.txt una/)
set_tests_properties(style.rooms PROPERTIES LABELS style)
