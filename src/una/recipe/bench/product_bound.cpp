#include "una/recipe/bench/product_bound.h"

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <string>

#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>
#include <c10/core/GradMode.h>

#include "una/base/clock.h"
#include "una/kernels/linear_logps.h"
#include "una/kernels/product.h"
#include "una/model/parameter_shapes.h"
#include "una/weights/family.h"

namespace una::recipe {
namespace {

// Linears that read the same input: one product of the base, and a thin pair of each linear's own.
struct Stack {
  std::int64_t in = 0;
  std::vector<std::int64_t> outs;
  std::int64_t out() const { return std::accumulate(outs.begin(), outs.end(), std::int64_t{0}); }
};

std::vector<Stack> stacks_of(const ModelSpec& spec) {
  const weights::Family family = weights::find_family(spec);
  const model::PartNames& names = family.names;
  std::map<std::string, std::vector<std::int64_t>> shapes;
  for (const model::ParameterShape& each : model::parameter_shapes(spec, names)) {
    shapes[each.name] = each.shape;
  }
  std::vector<Stack> out;
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer) {
    const auto add = [&](const std::vector<std::string>& parts) {
      Stack stack;
      for (const std::string& part : parts) {
        const std::vector<std::int64_t>& shape = shapes.at(names.layer_prefix(layer) + part + ".weight");
        stack.in = shape[1];
        stack.outs.push_back(shape[0]);
      }
      out.push_back(std::move(stack));
    };
    add(model::mixer_inputs(spec, names, layer));
    add({model::mixer_output(spec, names, layer)});
    add(names.gate_up_parts());
    add({names.down});
  }
  return out;
}

// Times of products by their shape.
class ProductTimes {
 public:
  explicit ProductTimes(at::ScalarType dtype) : dtype_(dtype) {}

  // x [rows, in] weight [out, in]^T, as the forward makes it.
  double forward(std::int64_t rows, std::int64_t in, std::int64_t out) {
    return timed({0, rows, in, out}, [&] {
      const at::Tensor x = matrix(rows, in), weight = matrix(out, in);
      return [x, weight] { kernels::product(x, weight); };
    });
  }
  // [rows, inner] [inner, columns], as ATen makes it.
  double plain(std::int64_t rows, std::int64_t inner, std::int64_t columns, bool transposed = false) {
    return timed({transposed ? 2 : 1, rows, inner, columns}, [&] {
      const at::Tensor left = transposed ? matrix(inner, rows).t() : matrix(rows, inner);
      const at::Tensor right = matrix(inner, columns);
      return [left, right] { at::mm(left, right); };
    });
  }

 private:
  using Key = std::array<std::int64_t, 4>;
  at::Tensor matrix(std::int64_t rows, std::int64_t columns) const {
    return at::ones({rows, columns}, dtype_);
  }

  template <class Make>
  double timed(const Key& key, const Make& make) {
    const auto [place, fresh] = seconds_.try_emplace(key, 1e30);
    if (!fresh) { return place->second; }
    constexpr int kTries = 5;
    const auto once = make();
    once();  // primitives are made at the first call
    for (int i = 0; i < kTries; ++i) {
      const double begin = monotonic_seconds();
      once();
      place->second = std::min(place->second, monotonic_seconds() - begin);
    }
    return place->second;
  }

  at::ScalarType dtype_;
  std::map<Key, double> seconds_;
};

// Forward, the input's gradient, and what the adapters of the stack's linears add to both.
double stack_seconds(const Stack& stack, std::int64_t rank, std::int64_t rows, ProductTimes& times) {
  double out = times.forward(rows, stack.in, stack.out()) + times.plain(rows, stack.out(), stack.in);
  for (const std::int64_t each : stack.outs) {
    out += times.forward(rows, stack.in, rank) + times.forward(rows, rank, each);          // x A^T B^T
    out += times.plain(rows, each, rank) + times.plain(rows, rank, stack.in);              // dy B A
    out += times.plain(rank, rows, stack.in, true) + times.plain(each, rows, rank, true);  // dA, dB
  }
  return out;
}

// Logits chunk by chunk, and the gradient of their log-probs by the hidden states.
double head_seconds(const ModelSpec& spec, std::int64_t rows, ProductTimes& times) {
  const std::int64_t chunk_rows = kernels::HeadParams{}.chunk_rows;
  double out = 0;
  for (std::int64_t first = 0; first < rows; first += chunk_rows) {
    const std::int64_t count = std::min(chunk_rows, rows - first);
    out += times.plain(count, spec.hidden_size, spec.vocab_size) +
           times.plain(count, spec.vocab_size, spec.hidden_size);
  }
  return out;
}

}  // namespace

double product_bound(const ModelSpec& spec, at::ScalarType dtype, std::int64_t rank,
                     const std::vector<PackedBatch>& batches) {
  if (spec.moe.num_experts > 0) { return 0; }
  const c10::AutoGradMode no_grad(false);
  const std::vector<Stack> stacks = stacks_of(spec);
  ProductTimes times(dtype);
  double out = 0;
  for (const PackedBatch& batch : batches) {
    for (const Stack& stack : stacks) { out += stack_seconds(stack, rank, batch.num_tokens(), times); }
    out += head_seconds(spec, batch.num_logps(), times);
  }
  return out;
}

}  // namespace una::recipe
