#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "una/objective/objective_options.h"
#include "una/online/online_options.h"

namespace una::online {

// Does a method find the policy that maximises J = E[r] - beta KL(pi || ref)? On a world whose 40 answers to
// each prompt are enumerated, with everything else real: a Llama with a LoRA adapter, sampling, rounds, the
// step runner. All methods have the same beta, prompts and samples a step.
struct BanditCase {
  std::string name;
  Method method = Method::kUna;
  objective::ObjectiveOptions objective;
  OnlineOptions online;
  double learning_rate = 3e-3;
  bool true_offset = false;  // the reward less beta log Z(x): what f would be if it were known
  bool must_reach = true;    // else a control, which must stay far from J's optimum
};

// The work of one bandit run.
struct BanditBudget {
  std::int64_t prompts = 8;
  std::int64_t answers = 32;  // a prompt and round
  std::int64_t steps = 1000;  // one a round, linear decay
};

// J is that of the reward that the case fits: the world's, or under una_f quantile the answer's rank among
// the reference's own.
struct BanditResult {
  double start = 0, j = 0, best = 0,
         kl = 0;  // J of the reference and of the policy, J*, KL in nats an answer
  double regret() const { return (best - j) / (best - start); }  // 1 at the reference, 0 at the optimum
};

std::vector<BanditCase> bandit_cases();
BanditResult run_bandit(const BanditCase& one, const BanditBudget& budget, std::uint64_t seed);

}  // namespace una::online
