#include "una/run/scale/scale_plan.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <queue>

#include "una/base/clock.h"
#include "una/base/error.h"
#include "una/base/format.h"

namespace una::run {
namespace {

constexpr double kGradientBytes = 4, kValueBytes = 4;  // fp32
// AdamW reads value, gradient and two moments and writes three of them.
constexpr double kUpdateBytes = 28;
constexpr std::int64_t kMostRanks = 1024;

double as_double(std::int64_t value) { return static_cast<double>(value); }

// The share of a step's work that the fullest rank gets, on average over the steps that were looked at.
double fullest_share(const RunPlan& plan, std::int64_t ranks) {
  double most = 0, all = 0;
  for (const std::vector<double>& step : plan.micro_batches) {
    const std::vector<double> costs = deal_costs(step, ranks);
    most += *std::max_element(costs.begin(), costs.end());
    for (const double cost : costs) { all += cost; }
  }
  return all > 0 ? most / all : 1;
}

// Phases that are dealt over the ranks, in seconds of one rank that does them all.
std::vector<Phase> dealt_phases(const RunPlan& plan, const RankSpeed& speed) {
  const double each = std::max(1.0, as_double(plan.steps)) * speed.operations;
  const double training = plan.operations - plan.reference_operations - plan.sampling_operations;
  return {{"sampling", plan.sampling_operations / each},
          {"reference", plan.reference_operations / each},
          {"forward and backward", training / each}};
}

double rank_memory(const RunPlan& plan, std::int64_t ranks, bool splits) {
  RunPlan own = plan;
  if (splits && ranks > 1) { split_moments(own, ranks); }
  return own.peak_bytes();
}

// What a rank has; without rank_memory the ranks of a machine like this one share what is free here.
double room_of(const ScaleOptions& where, std::int64_t ranks_a_machine) {
  if (!where.rank_memory.empty()) { return parse_memory(where.rank_memory, "rank_memory"); }
  const auto here = static_cast<double>(available_memory_bytes() + current_memory_bytes());
  return here / as_double(ranks_a_machine);
}

// Given the room of a rank, more ranks help by splitting alone. Where ranks share this machine, each gets less.
std::int64_t smallest_gang(const RunPlan& plan, const ScaleOptions& where, bool splits) {
  for (std::int64_t ranks = 1; ranks <= kMostRanks; ranks *= 2) {
    if (rank_memory(plan, ranks, splits) <= room_of(where, 1)) { return ranks; }
  }
  return 0;
}

double total_seconds(const std::vector<Phase>& phases) {
  double sum = 0;
  for (const Phase& phase : phases) { sum += phase.seconds; }
  return sum;
}

std::string memory_text(const ScalePlan& scale) {
  std::string out =
      cat("           ", human_bytes(scale.memory), " a rank at its peak, of ", human_bytes(scale.room),
          scale.splits ? ", AdamW's moments split over the ranks (zero_stage 1)" : "", "\n");
  if (scale.smallest == 0) {
    return out +
           cat("hint       no number of ranks makes it fit: weights and gradients are whole on each; less with "
               "--use_peft true, --load_in_4bit true, --gradient_checkpointing true or a smaller --max_tokens_per_micro_batch\n");
  }
  return out + cat("           the smallest gang that fits: ", scale.smallest,
                   scale.smallest == 1 ? " rank" : " ranks",
                   scale.where.rank_memory.empty() ? ", one on each machine like this one\n" : "\n");
}

}  // namespace

std::vector<double> deal_costs(std::vector<double> costs, std::int64_t ranks) {
  std::sort(costs.begin(), costs.end(), std::greater<>());
  using Rank = std::pair<double, std::size_t>;  // what it has so far
  std::priority_queue<Rank, std::vector<Rank>, std::greater<>> emptiest;
  for (std::size_t rank = 0; rank < static_cast<std::size_t>(ranks); ++rank) { emptiest.emplace(0.0, rank); }
  std::vector<double> out(static_cast<std::size_t>(ranks), 0);
  for (const double cost : costs) {
    const auto [sum, rank] = emptiest.top();
    emptiest.pop();
    out[rank] = sum + cost;
    emptiest.emplace(out[rank], rank);
  }
  return out;
}

GangShape gang_shape(const ScaleOptions& where) {
  check_input(where.world_size >= 1 && where.nodes >= 1, "world_size and nodes must be 1 or more");
  check_input(where.world_size % where.nodes == 0, "world_size is ", where.world_size, ", which ",
              where.nodes, " machines (nodes) cannot share evenly");
  return {.ranks = where.world_size,
          .machines = where.nodes,
          .link = parse_rate(where.link, "link"),
          .local_link = parse_rate(where.local_link, "local_link")};
}

std::vector<Phase> exchange_phases(const RunPlan& plan, const GangShape& gang, bool splits,
                                   const RankSpeed& speed) {
  const double trained = as_double(plan.model.trained);
  const double own = splits ? trained / as_double(gang.ranks) : trained;
  const Exchange gradients = sum_exchange(gang, kGradientBytes * trained);
  std::vector<Phase> out = {{"sum of gradients", gradients.seconds, gradients.sent},
                            {"update", kUpdateBytes * own / speed.bytes}};
  if (!splits) { return out; }
  const Exchange values = gather_exchange(gang, kValueBytes * trained);
  out.push_back({"exchange of weights", values.seconds, values.sent});
  return out;
}

ScalePlan scale_plan(const RunPlan& plan, const ScaleOptions& where, bool splits, const RankSpeed& speed) {
  const GangShape gang = gang_shape(where);
  ScalePlan out{.where = where, .splits = splits && gang.ranks > 1};
  const double share = fullest_share(plan, gang.ranks);
  out.busy = 1 / (as_double(gang.ranks) * share);
  out.phases = dealt_phases(plan, speed);
  const double alone = total_seconds(out.phases) + total_seconds(exchange_phases(plan, {}, false, speed));
  for (Phase& phase : out.phases) { phase.seconds *= share; }
  for (Phase& phase : exchange_phases(plan, gang, out.splits, speed)) {
    out.phases.push_back(std::move(phase));
  }
  std::erase_if(out.phases, [](const Phase& phase) { return phase.seconds == 0; });
  out.seconds = total_seconds(out.phases);
  for (const Phase& phase : out.phases) { out.sent += phase.sent; }
  out.efficiency = alone / (as_double(gang.ranks) * out.seconds);
  out.memory = rank_memory(plan, gang.ranks, out.splits);
  out.room = room_of(where, gang.ranks / gang.machines);
  out.smallest = smallest_gang(plan, where, splits);
  return out;
}

std::string scale_text(const ScalePlan& scale) {
  const ScaleOptions& where = scale.where;
  std::string out = cat("ranks      ", thousands(where.world_size), " ",
                        where.nodes > 1 ? cat("on ", where.nodes, " machines over ", where.link)
                                        : std::string("on one machine"),
                        ": ", fixed(scale.efficiency, 2), " of the speed of that many\n");
  const auto line = [&](const std::string& name, double seconds, double sent) {
    std::string wide = name;
    wide.resize(std::max<std::size_t>(wide.size(), 22), ' ');
    out += cat("           ", wide, significant(seconds, 3), " s",
               sent > 0 ? cat(", each rank sends ", human_bytes(sent)) : std::string(), "\n");
  };
  for (const Phase& phase : scale.phases) { line(phase.name, phase.seconds, phase.sent); }
  line("a step", scale.seconds, scale.sent);
  out += memory_text(scale);
  if (scale.busy < 0.8) {
    out += cat("hint       ranks wait for each other ", fixed(100 * (1 - scale.busy), 0),
               " % of a step: more micro-batches a step (a larger batch, a smaller "
               "--max_tokens_per_micro_batch) or fewer ranks\n");
  }
  return out;
}

Json scale_json(const ScalePlan& scale) {
  Json phases = Json::array();
  for (const Phase& phase : scale.phases) {
    phases.push_back({{"name", phase.name}, {"seconds", phase.seconds}, {"sent_mb", phase.sent / 1048576}});
  }
  return {{"ranks", scale.where.world_size},
          {"nodes", scale.where.nodes},
          {"phases", phases},
          {"step_seconds", scale.seconds},
          {"sent_mb_a_step", scale.sent / 1048576},
          {"busy", scale.busy},
          {"efficiency", scale.efficiency},
          {"zero_stage", scale.splits ? 1 : 0},
          {"memory_mb", scale.memory / 1048576},
          {"room_mb", scale.room / 1048576},
          {"smallest_gang", scale.smallest}};
}

}  // namespace una::run
