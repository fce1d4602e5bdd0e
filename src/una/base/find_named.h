#pragma once

#include <string>
#include <vector>

#include "una/base/error.h"
#include "una/base/format.h"

namespace una {

// The row of a table whose `name` it is. InputError that begins with `what` (the key that the user gave), lists all names
// and tells the nearest.
template <class Row>
const Row& find_named(const std::vector<Row>& rows, const std::string& name, const char* what) {
  std::vector<std::string> names;
  for (const Row& row : rows) {
    if (row.name == name) { return row; }
    names.push_back(row.name);
  }
  const std::string near = nearest_name(name, names);
  throw InputError(cat(what, ": \"", name, "\" is none of ", join(names, ", "),
                       near.empty() ? "" : "; did you mean \"" + near + "\"?"));
}

}  // namespace una
