#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace una {

// What adapter_config.json says (PEFT's LoRA). Module names are Hugging Face's.
struct LoraSpec {
  std::int64_t r = 16;
  double alpha = 32;
  double dropout = 0;
  bool use_rslora = false;
  bool use_dora = false;
  std::string bias =
      "none";  // which of the base's biases train along: none | lora_only (of adapted linears) | all
  std::vector<std::string>
      target_modules;  // resolved names, e.g. {"q_proj", "v_proj"}; or one regular expression
  bool targets_are_regex = false;
  std::vector<std::int64_t> layers_to_transform;  // empty: all; only entries that are no full names obey it
  std::vector<std::string> layers_pattern;        // what the list of layers is called; empty: anything
  // Modules of which the adapter holds a whole copy: "score" (reward models), "embed_tokens", "lm_head",
  // norms.
  std::vector<std::string> modules_to_save;
  // Regular expression on the end of a module's name -> r, alpha; the first that matches counts.
  std::vector<std::pair<std::string, std::int64_t>> rank_pattern;
  std::vector<std::pair<std::string, double>> alpha_pattern;
  std::string task_type = "CAUSAL_LM";  // or "SEQ_CLS"
  std::string base_model_name_or_path;

  double scale(std::int64_t rank, double alpha_value) const;  // alpha/r, rsLoRA alpha/sqrt(r)
};

}  // namespace una
