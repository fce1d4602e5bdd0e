// The keys of config.json that the mixtures of experts share.
#include "una/base/error.h"
#include "una/base/format.h"
#include "una/weights/families/decoder_config.h"

namespace una::weights::detail {
namespace {

constexpr std::int64_t kMaxExperts = 4096;

}  // namespace

// transformers writes either spelling, whatever the family's attribute is called.
void read_moe(const ConfigReader& config, const MoeDefaults& defaults, ModelSpec& spec) {
  MoeSpec& moe = spec.moe;
  const std::string other =
      std::string(defaults.experts_key) == "num_experts" ? "num_local_experts" : "num_experts";
  const bool by_other = config.is_set(other.c_str()) && !config.is_set(defaults.experts_key);
  moe.num_experts = config.size(by_other ? other.c_str() : defaults.experts_key, defaults.num_experts);
  if (moe.num_experts > kMaxExperts) { config.fail(cat(moe.num_experts, " experts are too many")); }
  moe.experts_per_token = config.size("num_experts_per_tok", defaults.experts_per_token);
  if (moe.experts_per_token > moe.num_experts) {
    config.fail(cat("\"num_experts_per_tok\" is ", moe.experts_per_token, ", but there are ", moe.num_experts,
                    " experts"));
  }
  moe.expert_size = spec.intermediate_size;
  moe.output_router_logits = config.flag("output_router_logits", false);
  moe.router_aux_loss_coef =
      config.is_set("router_aux_loss_coef") ? config.number("router_aux_loss_coef") : defaults.aux_loss_coef;
  if (moe.router_aux_loss_coef < 0) { config.fail("\"router_aux_loss_coef\" is negative"); }
}

void print_moe(const ModelSpec& spec, const char* experts_key, Json& config) {
  check(!spec.mlp_bias && spec.gated_mlp, "experts have gates and no biases");
  config[experts_key] = spec.moe.num_experts;
  config["num_experts_per_tok"] = spec.moe.experts_per_token;
  config["output_router_logits"] = spec.moe.output_router_logits;
  config["router_aux_loss_coef"] = spec.moe.router_aux_loss_coef;
}

void check_moe(const ModelSpec& spec) {
  const MoeSpec& moe = spec.moe;
  check_input(moe.num_experts > 0 && moe.experts_per_token > 0 && moe.experts_per_token <= moe.num_experts &&
                  moe.expert_size > 0,
              "config.json: a ", spec.model_type, " model has experts, of which each token uses one or more");
}

void check_all_sparse(const ModelSpec& spec) {
  check_moe(spec);
  check_input(spec.moe.norm_topk_prob && spec.moe.sparse_layers.empty(), "config.json: a ", spec.model_type,
              " model has experts in every layer, with normed probabilities");
}

}  // namespace una::weights::detail
