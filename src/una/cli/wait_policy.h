#pragma once

namespace una {

// How OpenMP's threads wait for each other between two parallel loops. libgomp's own default spins for about 10 ms
// before it sleeps: next to other busy processes the spinning thread then holds the processor that the thread it
// waits for needs, and a run slows down tenfold. libgomp reads its choice from the environment when it is loaded,
// before main, so the program starts itself again with the choice in place. That costs about 15 ms: it happens
// before the constructors of the shared libraries run.
//
// UNA_WAIT_POLICY chooses: "auto" (the default: spin for some 0.02 ms, then sleep; a tenth of that while other processes
// want the processors, kernels/company.h), "bounded" (0.02 ms always), "bounded:COUNT" (so many turns of the loop),
// "passive" (sleep at once), "libgomp" (its own default). OMP_WAIT_POLICY and GOMP_SPINCOUNT win over it.
constexpr int kSpinTurns = 1000;

// The entry for the environment that `choice` (the value of UNA_WAIT_POLICY, or nullptr) needs, in `buffer`;
// nullptr: none, also for a value that is none of the above. Neither allocates nor needs a constructor.
const char* wait_policy_entry(const char* choice, char* buffer, unsigned long size);

}  // namespace una
