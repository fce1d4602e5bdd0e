#include "una/objective/part_weights.h"

#include <cmath>
#include <cstdlib>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/objective/methods.h"

namespace una::objective {

PartWeights::PartWeights(const std::string& text, const std::vector<std::string>& parts) {
  if (trim(text).empty()) { return; }
  for (const std::string& item : split(text, ',')) {
    const std::size_t equals = item.find('=');
    const std::string name(trim(item.substr(0, equals)));
    const std::string number(equals == std::string::npos ? ""
                                                         : trim(std::string_view(item).substr(equals + 1)));
    const std::size_t part = choose("loss_weights", name, parts);
    char* end = nullptr;
    const double weight = std::strtod(number.c_str(), &end);
    check_input(!number.empty() && *end == '\0' && std::isfinite(weight) && weight >= 0, "loss_weights: '",
                item, "' must be part=weight with a weight of 0 or more");
    check_input(explicit_.emplace(part, weight).second, "loss_weights: ", name, " is given twice");
  }
}

std::vector<double> PartWeights::apply(std::vector<double> by_count) const {
  for (const auto& [part, weight] : explicit_) { by_count.at(part) = weight; }
  return by_count;
}

}  // namespace una::objective
