#include "una/run/scale/gang_simulation.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <numeric>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/option_checks.h"
#include "una/base/rng.h"

namespace una::run {
namespace {

constexpr std::int64_t kSteps = 100;  // that are played for the mean step, each by a gang with other speeds
constexpr double kDay = 86400;

double as_double(std::int64_t value) { return static_cast<double>(value); }

std::int64_t parse_ranks(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  check_input(error == std::errc() && end == text.data() + text.size() && value >= 1 && value <= 100'000,
              "simulate_ranks: '", text, "' is not a number of ranks from 1 to 100000");
  return value;
}

void check_simulation(const SimulationOptions& options) {
  check_count("ranks_per_node", options.ranks_per_node, 1);
  check_share("speed_spread", options.speed_spread);
  check_share("step_jitter", options.step_jitter);
  check_not_negative("mtbf_hours", options.mtbf_hours);
  check_not_negative("restart_seconds", options.restart_seconds);
  check_input(options.simulate_days > 0 && options.simulate_days <= 3650,
              "simulate_days must be in (0, 3650], not ", options.simulate_days);
}

// The factor by which something takes longer than usual; never less than a tenth.
double slowdown(double deviation, double normal) { return std::max(0.1, 1 + deviation * normal); }

// The micro-batches of one step of a gang: as many for each rank as the plan has at world_size, drawn from the plan's.
std::vector<double> step_costs(const std::vector<double>& pool, std::int64_t count, Rng& draw) {
  std::vector<double> costs;
  for (std::int64_t i = 0; i < count; ++i) { costs.push_back(pool[draw.below(pool.size())]); }
  return costs;
}

// Time of the steps: what the mean rank computes, and how long the slowest takes.
void play_steps(const RunPlan& plan, const ScaleOptions& where, const SimulationOptions& options,
                double seconds_per_cost, SimulatedGang& gang) {
  std::vector<double> pool;
  double count = 0;
  for (const std::vector<double>& step : plan.micro_batches) {
    pool.insert(pool.end(), step.begin(), step.end());
    count += 1;
  }
  check(!pool.empty(), "a plan without micro-batches");
  const double a_rank = as_double(std::ssize(pool)) / count / as_double(where.world_size);
  const auto micro_batches = std::max<std::int64_t>(1, std::llround(a_rank * as_double(gang.ranks)));
  for (std::int64_t step = 0; step < kSteps; ++step) {
    Rng draw(1, stream_id("steps"), static_cast<std::uint64_t>(step));
    const std::vector<double> dealt = deal_costs(step_costs(pool, micro_batches, draw), gang.ranks);
    Rng speeds(1, stream_id("speeds"), static_cast<std::uint64_t>(step));  // of another gang of that size
    double slowest = 0;
    for (std::size_t rank = 0; rank < dealt.size(); ++rank) {
      slowest = std::max(slowest, dealt[rank] * slowdown(options.speed_spread, speeds.normal()) *
                                      slowdown(options.step_jitter, draw.normal()));
    }
    const double mean = std::accumulate(dealt.begin(), dealt.end(), 0.0) / as_double(gang.ranks);
    gang.compute += seconds_per_cost * mean / as_double(kSteps);
    gang.waiting += seconds_per_cost * (slowest - mean) / as_double(kSteps);
  }
}

// Days of steps, checkpoints and failures, one interval between two events at a time.
class Days {
 public:
  Days(const SimulatedGang& gang, const SimulationOptions& options, double save_seconds, double save_every)
      : options_(options),
        draw_(2, stream_id("failures"), static_cast<std::uint64_t>(gang.ranks)),
        rate_(options.mtbf_hours > 0 ? as_double(gang.ranks) / (options.mtbf_hours * 3600) : 0),
        save_seconds_(save_seconds),
        save_every_(save_every) {}

  void play() {
    const double end = options_.simulate_days * kDay;
    double failure = next_failure();
    while (now_ < end) {
      const double interval = save_every_ > 0 ? save_every_ + save_seconds_ : end;
      const double stop = std::min(now_ + interval, end);
      if (failure < stop) {
        redone_ += failure - now_;  // steps, and a checkpoint that is not whole
        now_ = failure;
        restart(failure);
        continue;
      }
      if (save_every_ > 0 && now_ + interval <= end) { saving_ += save_seconds_; }
      now_ = stop;
    }
  }

  double saving() const { return saving_; }
  double redone() const { return redone_; }
  double restarting() const { return restarting_; }
  double failures() const { return failures_; }
  double seconds() const { return now_; }

 private:
  double next_failure() {
    return rate_ > 0 ? now_ - std::log(1 - draw_.uniform()) / rate_ : std::numeric_limits<double>::infinity();
  }

  // A rank that fails while all start again makes them start once more.
  void restart(double& failure) {
    for (;;) {
      ++failures_;
      failure = next_failure();
      const double up = now_ + options_.restart_seconds;
      restarting_ += std::min(up, failure) - now_;
      now_ = std::min(up, failure);
      if (failure > up) { return; }
    }
  }

  const SimulationOptions& options_;
  Rng draw_;
  double rate_, save_seconds_, save_every_;
  double now_ = 0, saving_ = 0, redone_ = 0, restarting_ = 0, failures_ = 0;
};

void play_days(const RunPlan& plan, const SimulationOptions& options, std::int64_t save_steps,
               SimulatedGang& gang) {
  const double save = plan.checkpoint_bytes / parse_rate(options.save_rate, "save_rate");
  Days days(gang, options, save, as_double(save_steps) * gang.step_seconds);
  days.play();
  const double rank_hours_a_day = as_double(gang.ranks) / 3600 / (days.seconds() / kDay);
  gang.failures = days.failures() / (days.seconds() / kDay);
  gang.saving = days.saving() * rank_hours_a_day;
  gang.redone = days.redone() * rank_hours_a_day;
  gang.restarting = days.restarting() * rank_hours_a_day;
  const double lost = days.saving() + days.redone() + days.restarting();
  gang.useful = gang.efficiency * (1 - lost / days.seconds());
  if (options.mtbf_hours > 0) {
    gang.best_save = std::sqrt(2 * save * options.mtbf_hours * 3600 / as_double(gang.ranks));
  }
}

std::string cell(const std::string& text, std::size_t width) {
  return std::string(width - std::min(width, text.size()), ' ') + text;
}

std::string number(double value, std::size_t width) {
  return cell(value >= 1000 ? thousands(std::llround(value)) : significant(value, 3), width);
}

}  // namespace

std::vector<SimulatedGang> simulate_gangs(const RunPlan& plan, const ScaleOptions& where, bool splits,
                                          const SimulationOptions& options, const RankSpeed& speed,
                                          std::int64_t save_steps) {
  check_simulation(options);
  double cost = 0;
  for (const std::vector<double>& step : plan.micro_batches) {
    for (const double one : step) { cost += one; }
  }
  cost *= as_double(plan.steps) / as_double(std::max<std::int64_t>(1, std::ssize(plan.micro_batches)));
  const double seconds_per_cost = plan.operations / speed.operations / cost;
  std::vector<SimulatedGang> out;
  for (const std::string& text : options.simulate_ranks) {
    SimulatedGang gang{.ranks = parse_ranks(text)};
    gang.machines = (gang.ranks + options.ranks_per_node - 1) / options.ranks_per_node;
    const GangShape shape{.ranks = gang.ranks,
                          .machines = gang.machines,
                          .link = parse_rate(where.link, "link"),
                          .local_link = parse_rate(where.local_link, "local_link")};
    play_steps(plan, where, options, seconds_per_cost, gang);
    for (const Phase& phase : exchange_phases(plan, shape, splits && gang.ranks > 1, speed)) {
      gang.exchange += phase.seconds;
    }
    gang.step_seconds = gang.compute + gang.waiting + gang.exchange;
    gang.efficiency = gang.compute / gang.step_seconds;
    play_days(plan, options, save_steps, gang);
    out.push_back(gang);
  }
  return out;
}

std::string simulation_text(const std::vector<SimulatedGang>& gangs, const ScaleOptions& where,
                            const SimulationOptions& options, const RankSpeed& speed) {
  std::string out = cat(
      "simulation ", significant(options.simulate_days, 3), " days. Assumed: a rank reaches ",
      significant(speed.operations / 1e12, 3), " TFLOP/s and ", thousands(std::llround(speed.bytes / 1e9)),
      " GB/s, micro-batches a rank\n           as at ", where.world_size,
      where.world_size == 1 ? " rank" : " ranks", ", ", options.ranks_per_node,
      " ranks a machine, rings over ", where.link, " and ", where.local_link, ", hidden by nothing, speeds ",
      percent(options.speed_spread, 1), " apart,\n           a step's time ", percent(options.step_jitter, 1),
      ", a rank fails every ", significant(options.mtbf_hours, 6),
      " hours, all start again from the checkpoint in ", significant(options.restart_seconds, 4),
      " s,\n           checkpoints are written at ", options.save_rate, " while all wait\n");
  out +=
      "                                                               failures  lost rank-hours a day             best\n"
      "    ranks    step s  compute  waiting exchange  efficiency        a day   saving    again restarts  useful   saving\n";
  for (const SimulatedGang& gang : gangs) {
    out += cat(cell(thousands(gang.ranks), 9), number(gang.step_seconds, 10), number(gang.compute, 9),
               number(gang.waiting, 9), number(gang.exchange, 9), cell(fixed(gang.efficiency, 3), 12),
               number(gang.failures, 13), number(gang.saving, 9), number(gang.redone, 9),
               number(gang.restarting, 9), cell(fixed(gang.useful, 3), 8),
               gang.best_save > 0 ? number(gang.best_save, 7) + " s" : "", "\n");
  }
  return out;
}

Json simulation_json(const std::vector<SimulatedGang>& gangs) {
  Json out = Json::array();
  for (const SimulatedGang& gang : gangs) {
    out.push_back({{"ranks", gang.ranks},
                   {"machines", gang.machines},
                   {"step_seconds", gang.step_seconds},
                   {"compute_seconds", gang.compute},
                   {"waiting_seconds", gang.waiting},
                   {"exchange_seconds", gang.exchange},
                   {"efficiency", gang.efficiency},
                   {"failures_a_day", gang.failures},
                   {"lost_rank_hours_a_day",
                    {{"saving", gang.saving}, {"done_again", gang.redone}, {"restarts", gang.restarting}}},
                   {"useful", gang.useful},
                   {"best_save_seconds", gang.best_save}});
  }
  return out;
}

}  // namespace una::run
