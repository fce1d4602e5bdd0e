#pragma once

#include <string>
#include <string_view>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"

// Help for the tests of files only.
namespace una::containers {

inline std::string write_rows(const std::string& folder, const std::string& name, std::string_view text) {
  const std::string path = folder + "/" + name;
  write_file(path, text);
  return path;
}

// The message of the InputError that `act` throws; "" when it throws none.
template <class Act>
std::string input_error(const Act& act) {
  try {
    act();
  } catch (const InputError& error) { return error.what(); }
  return "";
}

inline bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace una::containers
