#include "una/run/scale_plan.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "una/base/error.h"
#include "una/base/format.h"

namespace una::run {
namespace {

constexpr double kEthernet = 0.88;    // of the name, for large TCP streams
constexpr double kLoopback = 1.45e9;  // bytes a second between two processes of one machine (docs/scale.md)
constexpr double kMessage = 50e-6;    // seconds of one, TCP between machines
constexpr double kGradientBytes = 4;  // fp32

std::optional<double> leading_number(const std::string& text, std::string& unit) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  unit.assign(end, text.data() + text.size());
  return error == std::errc() && value > 0 ? std::optional(value) : std::nullopt;
}

}  // namespace

double parse_link(const std::string& text) {
  std::string unit;
  const std::optional<double> value = leading_number(text, unit);
  if (value && unit == "GbE") { return *value * 1e9 / 8 * kEthernet; }
  if (value && (unit == "Gb" || unit == "Gb/s" || unit == "Gbit/s")) { return *value * 1e9 / 8; }
  if (value && (unit == "GB/s" || unit == "GBps")) { return *value * 1e9; }
  throw InputError(cat("link is '", text, "': give a rate with its unit, as in 100GbE, 400Gb/s or 11GB/s"));
}

std::optional<ScalePlan> scale_plan(const RunPlan& plan, const ScaleOptions& where, double rate) {
  check_input(where.world_size >= 1 && where.nodes >= 1, "world_size and nodes must be 1 or more");
  check_input(where.world_size % where.nodes == 0, "world_size is ", where.world_size, ", which ",
              where.nodes, " machines (nodes) cannot share evenly");
  const double link = where.nodes > 1 ? parse_link(where.link) : kLoopback;
  if (where.world_size == 1) { return std::nullopt; }
  const auto ranks = static_cast<double>(where.world_size);
  const double steps = std::max(1.0, static_cast<double>(plan.steps));
  const double micro_batches = std::max(1.0, plan.work.micro_batches / steps);
  const double one = plan.operations / steps / rate;
  // Micro-batches are dealt whole: the fullest rank has the mean rounded up.
  const double most = std::ceil(micro_batches / ranks - 1e-9);
  ScalePlan out{.where = where};
  out.busy = micro_batches / (ranks * most);
  out.compute = one * most / micro_batches;
  out.traffic = 2 * (ranks - 1) / ranks * kGradientBytes * static_cast<double>(plan.model.trained);
  out.exchange = out.traffic / link + 2 * (ranks - 1) * kMessage;
  out.efficiency = one / (ranks * (out.compute + out.exchange));
  return out;
}

std::string scale_text(const ScalePlan& scale, const RunPlan& plan) {
  const std::string place = scale.where.nodes > 1
                                ? cat("on ", scale.where.nodes, " machines over ", scale.where.link)
                                : std::string("on one machine");
  std::string out = cat("ranks      ", thousands(scale.where.world_size), " ", place, ": a step computes ",
                        significant(scale.compute, 3), " s and sums gradients ",
                        significant(scale.exchange, 3), " s (each rank sends ", human_bytes(scale.traffic),
                        ")\n           ", fixed(scale.efficiency, 2), " of the speed of that many; ",
                        human_bytes(plan.peak_bytes()), " a rank, which does not depend on their number\n");
  if (scale.busy < 0.8) {
    out += cat("hint       ranks wait for each other ", fixed(100 * (1 - scale.busy), 0),
               " % of a step: more micro-batches a step (a larger batch, a smaller "
               "--max_tokens_per_micro_batch) or fewer ranks\n");
  }
  return out;
}

Json scale_json(const ScalePlan& scale) {
  return {{"ranks", scale.where.world_size},
          {"nodes", scale.where.nodes},
          {"step_compute_seconds", scale.compute},
          {"step_exchange_seconds", scale.exchange},
          {"sent_mb_a_step", scale.traffic / 1048576},
          {"busy", scale.busy},
          {"efficiency", scale.efficiency}};
}

}  // namespace una::run
