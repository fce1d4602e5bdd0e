#include "una/objective/una/thumbs.h"

#include <algorithm>
#include <cmath>
#include <string>

#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/logaddexp.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/objective/kernel.h"
#include "una/objective/rows.h"
#include "una/objective/tensor_operators.h"

namespace una::objective {
namespace {

constexpr double kNothing = -1e300;  // log 0 with a gradient of 0 instead of NaN
constexpr std::size_t kNodes = 31;
const std::string kMean = "_thumbs/g/", kSquare = "_thumbs/gg/";

// Each prompt's answers as a row of [prompts, most]; where it has fewer, kNothing.
at::Tensor padded(const at::Tensor& x, const ThumbsTable& table, std::int64_t most) {
  std::vector<std::int64_t> places;
  std::int64_t before = -1, slot = 0;
  for (const std::int64_t owner : table.owner) {
    slot = owner == before ? slot + 1 : 0;
    before = owner;
    places.push_back(owner * most + slot);
  }
  const at::Tensor all = at::full({table.prompts() * most}, kNothing, x.options().requires_grad(false));
  return all.index_put({device_tensor(places, x.device())}, x).reshape({table.prompts(), most});
}

struct Numbers {
  std::vector<std::int64_t> answers, ups;  // of each prompt
};

Numbers numbers_of(const ThumbsTable& table) {
  Numbers out{std::vector<std::int64_t>(table.weights.size()),
              std::vector<std::int64_t>(table.weights.size())};
  for (std::size_t i = 0; i < table.owner.size(); ++i) {
    ++out.answers[static_cast<std::size_t>(table.owner[i])];
    out.ups[static_cast<std::size_t>(table.owner[i])] += table.up[i] > .5 ? 1 : 0;
  }
  return out;
}

at::Tensor by_prompt(const at::Tensor& values, const ThumbsTable& table) {
  std::vector<std::int64_t> shape = values.sizes().vec();
  shape[0] = table.prompts();
  return at::zeros(shape, values.options().requires_grad(false))
      .index_add(0, device_tensor(table.owner, values.device()), values);
}

}  // namespace

bool is_thumbs_group(const std::vector<SequenceMeta>& sequences, std::int64_t first, std::int64_t size) {
  const auto begin = sequences.begin() + first;
  return std::all_of(begin, begin + size,
                     [](const SequenceMeta& s) { return s.target == 0 || s.target == 1; });
}

at::Tensor log_symmetric_sums(const at::Tensor& x, const ThumbsTable& table) {
  const Numbers numbers = numbers_of(table);
  const std::int64_t most = *std::max_element(numbers.answers.begin(), numbers.answers.end());
  const std::int64_t ups = *std::max_element(numbers.ups.begin(), numbers.ups.end());
  const at::Tensor rows = padded(x, table, most);
  const auto options = x.options().requires_grad(false);
  const at::Tensor nothing = at::full({table.prompts(), 1}, kNothing, options);
  // sums[n] = log e_n of the answers so far; one more answer y: e_n + exp(y) e_{n-1}.
  at::Tensor sums = at::cat(
      {at::zeros({table.prompts(), 1}, options), at::full({table.prompts(), ups}, kNothing, options)}, 1);
  for (std::int64_t j = 0; j < most; ++j) {
    const at::Tensor with = at::cat({nothing, sums.narrow(1, 0, ups)}, 1) + rows.narrow(1, j, 1);
    sums = at::logaddexp(sums, with.clamp_min(kNothing));
  }
  return sums.gather(1, device_tensor(numbers.ups, x.device()).unsqueeze(1)).squeeze(1);
}

at::Tensor conditional_losses(const at::Tensor& x, const ThumbsTable& table) {
  const Numbers numbers = numbers_of(table);
  std::vector<double> tells;
  for (std::size_t p = 0; p < numbers.ups.size(); ++p) {
    tells.push_back(numbers.ups[p] > 0 && numbers.ups[p] < numbers.answers[p] ? 1 : 0);
  }
  const at::Tensor chosen = by_prompt(device_tensor(table.up, x.device()) * x, table);
  return (log_symmetric_sums(x, table) - chosen) * device_tensor(tells, x.device());
}

// Newton's method on the normalised Hermite polynomials of z, from the largest root down.
NormalNodes normal_nodes(std::size_t size) {
  NormalNodes out{std::vector<double>(size), std::vector<double>(size)};
  const auto n = static_cast<double>(size);
  double z = 0;
  for (std::size_t i = 0; i < (size + 1) / 2; ++i) {
    if (i == 0) {
      z = std::sqrt(2 * n + 1) - 1.85575 * std::pow(2 * n + 1, -1. / 6);
    } else if (i == 1) {
      z -= 1.14 * std::pow(n, .426) / z;
    } else if (i == 2) {
      z = 1.86 * z - .86 * out.nodes[0] / std::sqrt(2.0);
    } else if (i == 3) {
      z = 1.91 * z - .91 * out.nodes[1] / std::sqrt(2.0);
    } else {
      z = 2 * z - out.nodes[i - 2] / std::sqrt(2.0);
    }
    double slope = 1;
    for (int round = 0; round < 100; ++round) {
      double now = std::pow(M_PI, -.25), before = 0;
      for (std::size_t j = 0; j < size; ++j) {
        const auto degree = static_cast<double>(j);
        const double next = z * std::sqrt(2 / (degree + 1)) * now - std::sqrt(degree / (degree + 1)) * before;
        before = now;
        now = next;
      }
      slope = std::sqrt(2 * n) * before;
      const double move = now / slope;
      z -= move;
      if (std::abs(move) < 1e-15) { break; }
    }
    const double weight = 2 / (slope * slope) / std::sqrt(M_PI);
    out.nodes[i] = std::sqrt(2.0) * z;
    out.nodes[size - 1 - i] = -out.nodes[i];
    out.weights[i] = out.weights[size - 1 - i] = weight;
  }
  return out;
}

PromptLaw::PromptLaw(double decay) : decay_(decay), nodes_(normal_nodes(kNodes)) {}

PromptLaw::Law PromptLaw::law(std::int32_t source) const {
  const auto found = laws_.find(source);
  return found == laws_.end() ? Law{} : found->second;
}

void PromptLaw::observe(const std::vector<SequenceMeta>& row) {
  const SequenceMeta& first = row.front();
  const bool grouped = first.unit == Unit::kGroup && is_thumbs_group(row, 0, std::ssize(row));
  if (first.unit != Unit::kBinary && !grouped) { return; }
  Law& own = laws_[first.source];
  for (const SequenceMeta& sequence : row) { own.ups += sequence.target; }
  own.thumbs += static_cast<double>(row.size());
  const double share = (own.ups + .5) / (own.thumbs + 1);
  // E sigma(mu + tau z) is about sigma(mu / sqrt(1 + pi tau^2 / 8)).
  own.mean = std::log(share / (1 - share)) * std::sqrt(1 + M_PI / 8);
}

at::Tensor PromptLaw::losses(const at::Tensor& x, const ThumbsTable& table, MetricSums& metrics) const {
  const auto nodes = static_cast<std::int64_t>(nodes_.nodes.size());
  std::vector<double> values, log_weights;
  for (const std::int32_t source : table.sources) {
    const Law own = law(source);
    for (const double node : nodes_.nodes) { values.push_back(own.mean + own.deviation * node); }
  }
  for (const double weight : nodes_.weights) { log_weights.push_back(std::log(weight)); }
  const at::Tensor g = device_tensor(values, x.device()).reshape({table.prompts(), nodes});
  const at::Tensor u =
      x.unsqueeze(1) + g.index_select(0, device_tensor(table.owner, x.device()));  // [answers, nodes]
  const at::Tensor up = device_tensor(table.up, x.device()).unsqueeze(1);
  const at::Tensor terms = by_prompt(up * u - objective::exact_softplus(u), table) +
                           device_tensor(log_weights, x.device()).unsqueeze(0);
  const at::Tensor posterior = at::softmax(terms.detach(), 1);
  const std::vector<double> means = host_values((posterior * g).sum(1));
  const std::vector<double> squares = host_values((posterior * g.square()).sum(1));
  for (std::size_t p = 0; p < table.sources.size(); ++p) {
    metrics.add(cat(kMean, table.sources[p]), means[p]);
    metrics.add(cat(kSquare, table.sources[p]), squares[p]);
  }
  return -at::logsumexp(terms, {1});
}

void PromptLaw::end_step(const MetricSums& step) {
  for (const auto& [name, sums] : step.entries()) {
    if (!starts_with(name, kMean) || sums.count == 0) { continue; }
    const std::string source = name.substr(kMean.size());
    Law& own = laws_[std::stoi(source)];
    own.sum = decay_ * own.sum + sums.sum;
    own.squares = decay_ * own.squares + step.sum(kSquare + source);
    own.count = decay_ * own.count + sums.count;
    own.mean = own.sum / own.count;
    own.deviation = std::sqrt(std::max(0.0, own.squares / own.count - own.mean * own.mean));
  }
}

Json PromptLaw::state() const {
  Json out = Json::object();
  for (const auto& [source, own] : laws_) {
    out[std::to_string(source)] = {{"mean", own.mean},
                                   {"deviation", own.deviation},
                                   {"sum", own.sum},
                                   {"squares", own.squares},
                                   {"count", own.count}};
  }
  return out;
}

void PromptLaw::load_state(const Json& state) {
  const std::string what = "objective state, offsets of thumbs";
  check_input(state.is_object(), what, ": not an object");
  std::map<std::int32_t, Law> laws;
  for (const auto& [source, own] : state.items()) {
    check_input(!source.empty() && source.size() < 10 &&
                    source.find_first_not_of("0123456789") == std::string::npos && own.is_object(),
                what, ": '", source, "' is not a source");
    laws[std::stoi(source)] = {number_member(own, "mean", 0, what), number_member(own, "deviation", 1, what),
                               number_member(own, "sum", 0, what), number_member(own, "squares", 0, what),
                               number_member(own, "count", 0, what)};
  }
  laws_ = std::move(laws);
}

}  // namespace una::objective
