#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "una/study/demo_methods.h"

namespace una::study {

// The keys of `una study`.
struct StudyOptions {
  std::string output_dir = "study", job, baseline = "dpo";
  std::vector<std::string> arms, tasks, noises, seeds;
  std::vector<std::string> beta_factors = {"1"}, rate_factors = {"1"}, adapter_scales = {"0.5", "1", "1.5"};
  bool quick = false;
  double kl = 0.3, margin = 0.02;
  std::int64_t processes = 0, threads = 1, curve_points = 0, steps = DemoSizes{}.steps;
  std::int64_t sft_answers = DemoSizes{}.sft_answers, feedback_prompts = DemoSizes{}.feedback_prompts,
               held_out_prompts = DemoSizes{}.held_out_prompts;
  template <class V>
  void fields(V&& v) {
    v("output_dir", output_dir,
      "seeds, one JSON per cell, and the report; a study that is there goes on (alias --out)");
    v("quick", quick, "fewer arms, and seeds 1, 2 and 3, where arms and seeds are not given");
    v("arms", arms, "losses with their feedback (una_score_mse, kto, ...); empty: all");
    v("tasks", tasks, "dialogue, arithmetic, style (docs/demo.md); empty: dialogue (alias --task)");
    v("noises", noises, "how the judge errs (gaussian, severity, ups_20, ...); empty: gaussian");
    v("seeds", seeds, "of task, start model, samples and noise; empty: 1 to 5");
    v("beta_factors", beta_factors, "each arm's beta times these, a cell each");
    v("rate_factors", rate_factors, "each arm's learning rate times these, a cell each");
    v("adapter_scales", adapter_scales, "a cell's adapter times these: its policies along KL");
    v("curve_points", curve_points, "checkpoints of each cell that are measured too (steps to 90 % of rho)");
    v("baseline", baseline, "the arm that the others are compared with, seed by seed");
    v("kl", kl, "nats at which gains are compared");
    v("margin", margin, "difference in rho within which methods may be called equal");
    v("steps", steps, "optimiser steps of a cell; each answer is seen once");
    v("sft_answers", sft_answers, "answers the start model learns from");
    v("feedback_prompts", feedback_prompts, "prompts whose samples get feedback");
    v("held_out_prompts", held_out_prompts, "prompts of the evaluation");
    v("processes", processes, "cells at once; 0: as many as cores");
    v("threads", threads, "compute threads of each cell; results move with it in the last digits");
    v("job", job, "one seed or cell alone, as the command runs it in a process of its own");
  }
};

}  // namespace una::study
