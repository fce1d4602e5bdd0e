#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "una/base/json.h"
#include "una/eval/ifeval/punkt.h"

namespace una::eval::ifeval {

enum class Relation : std::uint8_t { kLessThan, kAtLeast };

// The keyword arguments of one instruction. All functions throw InputError, with `what` in front, where an argument is
// absent (null, "", 0, []) or of another type.
struct Arguments {
  const Json& kwargs;
  const Punkt* punkt;  // null: none on this machine
  std::string what;

  std::string text(const char* key) const;
  std::vector<std::string> texts(const char* key) const;
  std::int64_t number(const char* key) const;
  Relation relation(const char* key) const;

 private:
  const Json& member(const char* key) const;
};

bool holds(Relation relation, std::int64_t count, std::int64_t threshold);

}  // namespace una::eval::ifeval
