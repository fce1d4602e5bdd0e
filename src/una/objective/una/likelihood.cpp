#include "una/objective/una/likelihood.h"

#include <algorithm>
#include <cmath>
#include <string>

#include <ATen/ops/cat.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/special_erfcx.h>
#include <ATen/ops/special_log_ndtr.h>
#include <ATen/ops/zeros.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/objective/kernel.h"
#include "una/objective/rows.h"
#include "una/objective/tensor_operators.h"
#include "una/objective/una/groups.h"
#include "una/objective/una/quantile.h"

namespace una::objective {
namespace {

constexpr std::size_t kNodes = 31;
constexpr double kLargestMove = .3;  // of a log scale or a threshold in units of its scale, per step
constexpr double kFarthest = 2.5;    // of a log scale from where it began
constexpr double kLeastInformation = 1;
const std::string kWithin = "_joint/within/", kMeans = "_joint/means/", kSquares = "_joint/squares/",
                  kInverse = "_joint/inverse/", kPair = "_joint/pair/", kThumb = "_joint/thumb/",
                  kThreshold = "_joint/threshold/", kInformation = "information/";
constexpr const char* kWhat = "objective state, likelihood";

// phi(z) / Phi(z), the slope of log Phi, without overflow.
at::Tensor hazard(const at::Tensor& z) { return std::sqrt(2 / M_PI) / at::special_erfcx(z * -M_SQRT1_2); }

// A slope and, as the information, its square.
void add_slope(const std::string& name, std::int32_t source, double slope, MetricSums& metrics) {
  metrics.add(cat(name, source), slope);
  metrics.add(cat(name, kInformation, source), slope * slope);
}

// The sources with sums of this name.
std::vector<std::int32_t> sources_of(const MetricSums& step, const std::string& name) {
  std::vector<std::int32_t> out;
  for (const auto& [key, sums] : step.entries()) {
    const std::string rest = starts_with(key, name) ? key.substr(name.size()) : "";
    if (!rest.empty() && rest.find_first_not_of("0123456789") == std::string::npos && sums.count > 0) {
      out.push_back(std::stoi(rest));
    }
  }
  return out;
}

}  // namespace

JointLikelihood::JointLikelihood(const ObjectiveOptions& options)
    : decay_(options.una_running_decay), stated_(options.label_noise), nodes_(normal_nodes(kNodes)) {}

void JointLikelihood::Scores::settle() {
  if (prompts <= 0) { return; }
  mean = means / prompts;
  const double spread = std::max(0.0, squares / prompts - mean * mean);
  // Without groups nothing tells noise and prompts apart: all of it is noise then.
  const double variance = freedom > 0 ? within / freedom : spread;
  if (variance > 0) { noise = std::sqrt(variance); }
  prompt_sd = freedom > 0 ? std::sqrt(std::max(0.0, spread - variance * inverse / prompts)) : 0;
}

void JointLikelihood::Fitted::move(double slope, double information_now, double decay) {
  information = decay * information + information_now;
  value -= std::clamp(slope / (information + kLeastInformation), -kLargestMove, kLargestMove);
}

void JointLikelihood::observe(const std::vector<SequenceMeta>& row, const UnaTargets& targets) {
  const SequenceMeta& first = row.front();
  if (first.unit == Unit::kPair) {
    readings_[first.source];
  } else if (first.unit == Unit::kBinary ||
             (first.unit == Unit::kGroup && is_thumbs_group(row, 0, std::ssize(row)))) {
    Readings& own = readings_[first.source];
    for (const SequenceMeta& sequence : row) { own.ups += sequence.target; }
    own.thumbs += static_cast<double>(row.size());
  } else if (is_scored(first)) {
    double mean = 0, squares = 0;
    const auto k = static_cast<double>(row.size());
    for (const SequenceMeta& sequence : row) { mean += targets.reward(sequence) / k; }
    for (const SequenceMeta& sequence : row) { squares += std::pow(targets.reward(sequence) - mean, 2); }
    Scores& own = scores_[first.source];
    own.within += squares;
    own.freedom += k - 1;
    own.means += mean;
    own.squares += mean * mean;
    own.prompts += 1;
    own.inverse += 1 / k;
    own.settle();
  }
  begin_readings();
}

// Pairs and thumbs begin as noisy as scores are, thresholds where the share of ups is right at Delta 0.
void JointLikelihood::begin_readings() {
  for (auto& [source, own] : readings_) {
    own.log_pair.value = own.log_thumb.value = std::log(start_scale());
    if (own.thumbs == 0) { continue; }
    const double share = (own.ups + .5) / (own.thumbs + 1);
    const double spread = std::hypot(start_scale(), prompt_sd(source));
    own.threshold.value = -spread * transformed_quantile(QuantileTransform::kNormal, share, 1U << 20);
  }
}

void JointLikelihood::check_unit() const {
  check_input(
      !scores_.empty() || stated_ > 0 || readings_.empty(),
      "una_mix likelihood: no row has a score, so nothing says how large a difference is; state the noise of "
      "pairs and thumbs with --label_noise, or take --una_mix mean");
}

double JointLikelihood::start_scale() const {
  if (stated_ > 0) { return stated_; }
  double sum = 0, prompts = 0;
  for (const auto& [source, own] : scores_) {
    sum += own.prompts * own.noise;
    prompts += own.prompts;
  }
  return prompts > 0 ? sum / prompts : 1;
}

JointLikelihood::Scores JointLikelihood::scores_of(std::int32_t source) const {
  const auto found = scores_.find(source);
  return found == scores_.end() ? Scores{} : found->second;
}

JointLikelihood::Readings JointLikelihood::readings_of(std::int32_t source) const {
  const auto found = readings_.find(source);
  if (found != readings_.end()) { return found->second; }
  Readings out;
  out.log_pair.value = out.log_thumb.value = std::log(start_scale());
  return out;
}

// Where a source has no scores, the prompts are taken to differ as those of the others.
double JointLikelihood::prompt_sd(std::int32_t source) const {
  if (const auto found = scores_.find(source); found != scores_.end()) { return found->second.prompt_sd; }
  double sum = 0, prompts = 0;
  for (const auto& [other, own] : scores_) {
    sum += own.prompts * own.prompt_sd * own.prompt_sd;
    prompts += own.prompts;
  }
  return prompts > 0 ? std::sqrt(sum / prompts) : 0;
}

// With B = sigma^2 + k tau^2: 1/2 [(k - 1) log sigma^2 + log B + within / sigma^2 + k (mean e - m)^2 / B + k log 2 pi].
at::Tensor JointLikelihood::score_losses(const GroupTable& groups, const at::Tensor& x,
                                         MetricSums& metrics) const {
  const at::Device device = x.device();
  std::vector<double> noise, both, centres, constants;
  for (std::size_t g = 0; g < groups.sizes.size(); ++g) {
    const Scores own = scores_of(groups.sources[g]);
    const double k = groups.sizes[g], a = own.noise * own.noise, b = a + k * own.prompt_sd * own.prompt_sd;
    noise.push_back(a);
    both.push_back(b);
    centres.push_back(own.mean);
    constants.push_back(.5 * ((k - 1) * std::log(a) + std::log(b) + k * std::log(2 * M_PI)));
    metrics.add("una/noise_scores", own.noise);
  }
  const at::Tensor e =
      device_tensor(groups.levels, device) - x.index_select(0, device_tensor(groups.index, device));
  const at::Tensor mean = groups.sums(e) / device_tensor(groups.sizes, device);
  const at::Tensor within = groups.sums((e - groups.spread(mean)).square());
  const std::vector<double> means = host_values(mean), squares = host_values(within);
  for (std::size_t g = 0; g < means.size(); ++g) {
    const std::int32_t source = groups.sources[g];
    if (groups.sizes[g] > 1) { metrics.add(cat(kWithin, source), squares[g], groups.sizes[g] - 1); }
    metrics.add(cat(kMeans, source), means[g]);
    metrics.add(cat(kSquares, source), means[g] * means[g]);
    metrics.add(cat(kInverse, source), 1 / groups.sizes[g]);
  }
  const at::Tensor between =
      device_tensor(groups.sizes, device) * (mean - device_tensor(centres, device)).square();
  return .5 * (within / device_tensor(noise, device) + between / device_tensor(both, device)) +
         device_tensor(constants, device);
}

at::Tensor JointLikelihood::pair_losses(const PairTable& pairs, const at::Tensor& x,
                                        MetricSums& metrics) const {
  const at::Device device = x.device();
  std::vector<double> scales;
  for (const std::int32_t source : pairs.sources) {
    const double sigma = std::exp(readings_of(source).log_pair.value);
    scales.push_back(std::sqrt(2.0) * sigma);
    metrics.add("una/noise_pairs", sigma);
  }
  const at::Tensor z = (x.index_select(0, device_tensor(pairs.chosen, device)) -
                        x.index_select(0, device_tensor(pairs.rejected, device))) /
                       device_tensor(scales, device);
  const std::vector<double> slopes = host_values(hazard(z.detach()) * z.detach());
  for (std::size_t p = 0; p < slopes.size(); ++p) { add_slope(kPair, pairs.sources[p], slopes[p], metrics); }
  return -at::special_log_ndtr(z);
}

at::Tensor JointLikelihood::thumb_losses(const ThumbsTable& table, const at::Tensor& x,
                                         MetricSums& metrics) const {
  const at::Device device = x.device();
  const auto nodes = static_cast<std::int64_t>(nodes_.nodes.size());
  std::vector<double> offsets, scales, log_weights;
  for (const std::int32_t source : table.sources) {
    const Readings own = readings_of(source);
    for (const double node : nodes_.nodes) {
      offsets.push_back(prompt_sd(source) * node - own.threshold.value);
    }
    scales.push_back(std::exp(own.log_thumb.value));
    metrics.add("una/noise_thumbs", scales.back());
  }
  for (const double weight : nodes_.weights) { log_weights.push_back(std::log(weight)); }
  const at::Tensor owner = device_tensor(table.owner, device),
                   scale = device_tensor(scales, device).unsqueeze(1);
  const at::Tensor sign = (2 * device_tensor(table.up, device) - 1).unsqueeze(1);
  const at::Tensor g = device_tensor(offsets, device).reshape({table.prompts(), nodes});
  const at::Tensor z =
      sign * (x.index_select(0, device_tensor(table.index, device)).unsqueeze(1) + g.index_select(0, owner)) /
      scale.index_select(0, owner);  // [thumbs, nodes]
  const at::Tensor zeros = at::zeros({table.prompts(), nodes}, z.options().requires_grad(false));
  const at::Tensor terms =
      zeros.index_add(0, owner, at::special_log_ndtr(z)) + device_tensor(log_weights, device).unsqueeze(0);
  const at::Tensor posterior = at::softmax(terms.detach(), 1), h = hazard(z.detach());
  const auto slopes = [&](const at::Tensor& each) {
    return host_values((posterior * zeros.index_add(0, owner, each)).sum(1));
  };
  const std::vector<double> of_scale = slopes(h * z.detach()), of_threshold = slopes(h * sign);
  for (std::size_t p = 0; p < of_scale.size(); ++p) {
    add_slope(kThumb, table.sources[p], of_scale[p], metrics);
    add_slope(kThreshold, table.sources[p], of_threshold[p] / scales[p], metrics);
  }
  return -at::logsumexp(terms, {1});
}

at::Tensor JointLikelihood::losses(Unit unit, const at::Tensor& x, const std::vector<SequenceMeta>& sequences,
                                   const UnaTargets& targets, MetricSums& metrics) const {
  if (unit == Unit::kPair) {
    const PairTable pairs = pair_table(sequences);
    return pair_losses(pairs, x, metrics) * device_tensor(pairs.weights, x.device());
  }
  std::vector<at::Tensor> out;
  if (const GroupTable groups = group_table(sequences, unit, Groups::kScores, targets); groups.size() > 0) {
    out.push_back(score_losses(groups, x, metrics) * device_tensor(groups.weights, x.device()));
  }
  if (const ThumbsTable table = thumbs_table(sequences, unit); table.prompts() > 0) {
    out.push_back(thumb_losses(table, x, metrics) * device_tensor(table.weights, x.device()));
  }
  return at::cat(out);
}

void JointLikelihood::end_step(const MetricSums& step) {
  for (const std::int32_t source : sources_of(step, kMeans)) {
    Scores& own = scores_[source];
    const auto add = [&](double& total, double now) { total = decay_ * total + now; };
    add(own.within, step.sum(cat(kWithin, source)));
    add(own.freedom, step.count(cat(kWithin, source)));
    add(own.means, step.sum(cat(kMeans, source)));
    add(own.squares, step.sum(cat(kSquares, source)));
    add(own.prompts, step.count(cat(kMeans, source)));
    add(own.inverse, step.sum(cat(kInverse, source)));
    own.settle();
  }
  if (scores_.empty()) { return move_thresholds(step); }
  const double begin = std::log(start_scale());
  const auto move = [&](const std::string& name, Fitted Readings::* which) {
    for (const std::int32_t source : sources_of(step, name)) {
      Fitted& fitted = readings_.try_emplace(source, readings_of(source)).first->second.*which;
      fitted.move(step.sum(cat(name, source)), step.sum(cat(name, kInformation, source)), decay_);
      fitted.value = std::clamp(fitted.value, begin - kFarthest, begin + kFarthest);
    }
  };
  move(kPair, &Readings::log_pair);
  move(kThumb, &Readings::log_thumb);
  move_thresholds(step);
}

void JointLikelihood::move_thresholds(const MetricSums& step) {
  for (const std::int32_t source : sources_of(step, kThreshold)) {
    Readings& own = readings_.try_emplace(source, readings_of(source)).first->second;
    // In units of the scale, so that information and largest move mean the same everywhere.
    const double scale = std::exp(own.log_thumb.value);
    Fitted unit{own.threshold.value / scale, own.threshold.information};
    unit.move(scale * step.sum(cat(kThreshold, source)),
              scale * scale * step.sum(cat(kThreshold, kInformation, source)), decay_);
    own.threshold = {unit.value * scale, unit.information};
  }
}

Json JointLikelihood::state() const {
  Json out{{"scores", Json::object()}, {"readings", Json::object()}};
  for (const auto& [source, own] : scores_) {
    out["scores"][std::to_string(source)] = {own.within,  own.freedom, own.means,
                                             own.squares, own.prompts, own.inverse};
  }
  for (const auto& [source, own] : readings_) {
    out["readings"][std::to_string(source)] = {own.log_pair.value,
                                               own.log_pair.information,
                                               own.log_thumb.value,
                                               own.log_thumb.information,
                                               own.threshold.value,
                                               own.threshold.information,
                                               own.ups,
                                               own.thumbs};
  }
  return out;
}

void JointLikelihood::load_state(const Json& state) {
  const auto numbers = [](const Json& entry, std::size_t size) {
    check_input(entry.is_array() && entry.size() == size, kWhat, ": a source has not ", size, " numbers");
    std::vector<double> out;
    for (const Json& number : entry) {
      check_input(number.is_number(), kWhat, ": not a number");
      out.push_back(number.get<double>());
    }
    return out;
  };
  const auto each = [](const Json& all, const char* key, const auto& take) {
    check_input(all.is_object() && all.contains(key) && all.at(key).is_object(), kWhat, ": no ", key);
    for (const auto& [source, entry] : all.at(key).items()) {
      check_input(!source.empty() && source.size() < 10 &&
                      source.find_first_not_of("0123456789") == std::string::npos,
                  kWhat, ": '", source, "' is not a source");
      take(std::stoi(source), entry);
    }
  };
  scores_.clear();
  readings_.clear();
  each(state, "scores", [&](std::int32_t source, const Json& entry) {
    const std::vector<double> n = numbers(entry, 6);
    Scores own{n[0], n[1], n[2], n[3], n[4], n[5]};
    own.settle();
    scores_[source] = own;
  });
  each(state, "readings", [&](std::int32_t source, const Json& entry) {
    const std::vector<double> n = numbers(entry, 8);
    readings_[source] = {{n[0], n[1]}, {n[2], n[3]}, {n[4], n[5]}, n[6], n[7]};
  });
}

}  // namespace una::objective
