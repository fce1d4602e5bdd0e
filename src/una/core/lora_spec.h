#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace una {

// What adapter_config.json says (PEFT's LoRA). Module names are Hugging Face's.
struct LoraSpec {
  std::int64_t r = 16;
  double alpha = 32;
  double dropout = 0;
  bool use_rslora = false;
  std::vector<std::string>
      target_modules;  // resolved names, e.g. {"q_proj", "v_proj"}; or one regular expression
  bool targets_are_regex = false;
  std::vector<std::string> modules_to_save;          // {"score"} for reward models
  std::map<std::string, std::int64_t> rank_pattern;  // regular expression on the module name's end -> r
  std::map<std::string, double> alpha_pattern;
  std::string task_type = "CAUSAL_LM";  // or "SEQ_CLS"
  std::string base_model_name_or_path;

  double scale(std::int64_t rank, double alpha_value) const;  // alpha/r, rsLoRA alpha/sqrt(r)
};

}  // namespace una
