#include "una/model/name_check.h"

#include <algorithm>
#include <set>

#include <ATen/ops/all.h>
#include <ATen/ops/isfinite.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/printable.h"

namespace una::model {
namespace {

std::string shape_text(at::IntArrayRef shape) {
  std::vector<std::string> parts;
  for (const std::int64_t size : shape) { parts.push_back(std::to_string(size)); }
  return "[" + join(parts, ", ") + "]";
}

// Enough to recognise the mistake; a file of a hundred thousand foreign tensors still gives one short
// sentence.
constexpr std::size_t kShownNames = 3, kShownLetters = 120;

std::string shortened(const std::string& name) {
  return printable(name.size() <= kShownLetters ? name : name.substr(0, kShownLetters) + "...");
}

void add_part(std::string& message, const char* label, const std::vector<std::string>& names) {
  if (names.empty()) { return; }
  std::vector<std::string> shown;
  for (std::size_t i = 0; i < std::min(names.size(), kShownNames); ++i) {
    shown.push_back(shortened(names[i]));
  }
  message += cat("; ", label, ": ", join(shown, ", "));
  if (names.size() > kShownNames) { message += cat(" and ", names.size() - kShownNames, " more"); }
}

}  // namespace

void check_names(const std::vector<ExpectedTensor>& expected, const weights::StateDict& weights,
                 const std::function<bool(const std::string&)>& may_ignore, const std::string& what,
                 const std::string& cause) {
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
                              " but the configuration requires ", shape_text(tensor.shape)));
    } else if (!found.is_floating_point()) {
      not_numbers.push_back(tensor.name);
    }
  }
  for (const auto& [name, tensor] : weights.all()) {
    if (known.count(name) == 0 && !may_ignore(name)) { surplus.push_back(name); }
  }
  if (missing.empty() && misshapen.empty() && surplus.empty() && not_numbers.empty()) { return; }
  std::string message =
      cat(what, ": ", cause.empty() ? std::string("the weights do not fit the configuration") : cause);
  add_part(message, "missing", missing);
  add_part(message, "surplus", surplus);
  add_part(message, "of another shape", misshapen);
  add_part(message, "not floating point", not_numbers);
  throw InputError(message);
}

void check_finite(const at::Tensor& values, const std::string& name, const std::string& what) {
  check_input(at::isfinite(values).all().item<bool>(), what, ": the tensor ", shortened(name),
              " holds NaN or infinite numbers; it is damaged, or its training diverged");
}

}  // namespace una::model
