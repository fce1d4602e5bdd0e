#include "una/eval/ifeval/arguments.h"

#include <cmath>

#include "una/base/error.h"

namespace una::eval::ifeval {
namespace {

bool is_absent(const Json& value) {
  return value.is_null() || (value.is_array() && value.empty()) ||
         (value.is_string() && value.get_ref<const std::string&>().empty()) ||
         (value.is_number() && value.get<double>() == 0);
}

}  // namespace

const Json& Arguments::member(const char* key) const {
  check_input(kwargs.is_object(), what, ": its kwargs are not an object");
  const auto found = kwargs.find(key);
  check_input(found != kwargs.end() && !is_absent(*found), what, " has no \"", key,
              "\"; the harness would draw one at random for each answer");
  return *found;
}

std::string Arguments::text(const char* key) const {
  const Json& value = member(key);
  check_input(value.is_string(), what, ": \"", key, "\" is not a string");
  return value.get<std::string>();
}

std::vector<std::string> Arguments::texts(const char* key) const {
  const Json& value = member(key);
  check_input(value.is_array(), what, ": \"", key, "\" is not a list of strings");
  std::vector<std::string> out;
  for (const Json& item : value) {
    check_input(item.is_string(), what, ": \"", key, "\" is not a list of strings");
    out.push_back(item.get<std::string>());
  }
  return out;
}

std::int64_t Arguments::number(const char* key) const {
  const Json& value = member(key);
  // Parquet stores some of these columns as doubles.
  check_input(value.is_number() && value.get<double>() == std::floor(value.get<double>()) &&
                  value.get<double>() > 0 && value.get<double>() < 1e15,
              what, ": \"", key, "\" is not a whole number above 0");
  return static_cast<std::int64_t>(value.get<double>());
}

Relation Arguments::relation(const char* key) const {
  const std::string name = text(key);
  check_input(name == "less than" || name == "at least", what, ": \"", key, "\" is '", name,
              "', but must be 'less than' or 'at least'");
  return name == "less than" ? Relation::kLessThan : Relation::kAtLeast;
}

bool holds(Relation relation, std::int64_t count, std::int64_t threshold) {
  return relation == Relation::kLessThan ? count < threshold : count >= threshold;
}

}  // namespace una::eval::ifeval
