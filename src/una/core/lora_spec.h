#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace una {

// A LoRA adapter's configuration, as in PEFT's adapter_config.json. Module names are Hugging Face's.
struct LoraSpec {
  std::int64_t r = 16;
  double alpha = 32;
  double dropout = 0;
  bool use_rslora = false;
  bool use_dora = false;
  // Which of the base's biases train too: none | lora_only (those of adapted linears) | all.
  std::string bias = "none";
  // Resolved names, e.g. {"q_proj", "v_proj"}; or one regular expression.
  std::vector<std::string> target_modules;
  bool targets_are_regex = false;
  // Parameters outside the linears: the experts of a mixture, {"mlp.experts.gate_up_proj"}.
  std::vector<std::string> target_parameters;
  std::vector<std::int64_t> layers_to_transform;  // empty: all; entries that are full names ignore it
  std::vector<std::string> layers_pattern;        // names of the list of layers; empty: any
  // Modules that the adapter holds as a whole copy: "score" (reward models), "embed_tokens", "lm_head",
  // norms.
  std::vector<std::string> modules_to_save;
  // Regular expression for the end of a module's name -> r, alpha; the first match wins.
  std::vector<std::pair<std::string, std::int64_t>> rank_pattern;
  std::vector<std::pair<std::string, double>> alpha_pattern;
  std::string task_type = "CAUSAL_LM";  // or "SEQ_CLS"
  std::string base_model_name_or_path;

  double scale(std::int64_t rank, double alpha_value) const;  // alpha/r, rsLoRA alpha/sqrt(r)
};

}  // namespace una
