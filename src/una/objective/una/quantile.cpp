#include "una/objective/una/quantile.h"

#include <algorithm>
#include <cmath>

#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/special_ndtri.h>

#include "una/base/error.h"
#include "una/objective/methods.h"

namespace una::objective {

QuantileTransform quantile_transform(const std::string& name) {
  return choose<QuantileTransform>("una_quantile", name,
                                   {{"identity", QuantileTransform::kIdentity},
                                    {"log", QuantileTransform::kLog},
                                    {"normal", QuantileTransform::kNormal}});
}

double quantile_of(double reward, const std::vector<double>& reference) {
  check(!reference.empty(), "objective: a quantile without reference rewards");
  const auto n = static_cast<double>(reference.size());
  const auto below = std::count_if(reference.begin(), reference.end(), [&](double r) { return r <= reward; });
  return std::max(static_cast<double>(below), 1.0) / n;
}

double transformed_quantile(QuantileTransform transform, double q, std::size_t n) {
  if (transform == QuantileTransform::kIdentity) { return q; }
  if (transform == QuantileTransform::kLog) { return std::log(q); }
  const double finite = std::min(q, 1 - 0.5 / static_cast<double>(n));
  return at::special_ndtri(at::scalar_tensor(finite, at::TensorOptions().dtype(at::kDouble))).item<double>();
}

double quantile_offset(QuantileTransform transform, double beta) {
  if (transform == QuantileTransform::kLog) { return beta * std::log(beta / (1 + beta)); }
  if (transform == QuantileTransform::kNormal) { return 1 / (2 * beta); }
  // Z = beta (e^(1/beta) - 1), in a form that does not overflow for the usual small beta.
  return 1 + beta * (std::log(beta) + std::log1p(-std::exp(-1 / beta)));
}

}  // namespace una::objective
