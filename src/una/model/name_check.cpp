#include "una/model/name_check.h"

#include <set>

#include "una/base/error.h"
#include "una/base/format.h"

namespace una::model {
namespace {

std::string shape_text(at::IntArrayRef shape) {
  std::vector<std::string> parts;
  for (const std::int64_t size : shape) { parts.push_back(std::to_string(size)); }
  return "[" + join(parts, ", ") + "]";
}

void add_part(std::string& message, const char* label, const std::vector<std::string>& names) {
  if (!names.empty()) { message += cat("; ", label, ": ", join(names, ", ")); }
}

}  // namespace

void check_names(const std::vector<ExpectedTensor>& expected, const weights::StateDict& weights,
                 const std::function<bool(const std::string&)>& may_ignore, const std::string& what) {
  std::vector<std::string> missing, misshapen, surplus, not_numbers;
  std::set<std::string> known;
  for (const ExpectedTensor& tensor : expected) {
    known.insert(tensor.name);
    if (!weights.has(tensor.name)) {
      missing.push_back(tensor.name);
      continue;
    }
    const at::Tensor& found = weights.at(tensor.name);
    if (found.sizes() != at::IntArrayRef(tensor.shape)) {
      misshapen.push_back(cat(tensor.name, " is ", shape_text(found.sizes()),
                              " where the configuration says ", shape_text(tensor.shape)));
    } else if (!found.is_floating_point()) {
      not_numbers.push_back(tensor.name);
    }
  }
  for (const auto& [name, tensor] : weights.all()) {
    if (known.count(name) == 0 && !may_ignore(name)) { surplus.push_back(name); }
  }
  if (missing.empty() && misshapen.empty() && surplus.empty() && not_numbers.empty()) { return; }
  std::string message = cat(what, ": the weights do not fit the configuration");
  add_part(message, "missing", missing);
  add_part(message, "surplus", surplus);
  add_part(message, "of another shape", misshapen);
  add_part(message, "not floating point", not_numbers);
  throw InputError(message);
}

}  // namespace una::model
