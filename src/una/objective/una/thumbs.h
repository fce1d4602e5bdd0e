#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/base/json.h"
#include "una/core/loss.h"
#include "una/core/packed_batch.h"
#include "una/objective/objective_options.h"

namespace una::objective {

// Several thumbs to one prompt: P(up) = sigma(beta Delta + g), g unknown and shared by the prompt's answers.
enum class ThumbsLoss : std::uint8_t {
  kPointwise,    // each alone, under una_f
  kConditional,  // given how many of the prompt's answers are up, which removes g: k = 2 is DPO
  kIntegrated,   // g ~ N(mu, tau^2) integrated out
};

// Whether the answers of this group (at `first`, `size` of them) are thumbs: every target is 0 or 1.
bool is_thumbs_group(const std::vector<SequenceMeta>& sequences, std::int64_t first, std::int64_t size);

// The thumbs of several prompts, one prompt after the other.
struct ThumbsTable {
  std::vector<std::int64_t> index;    // into the batch's sequences
  std::vector<std::int64_t> owner;    // the prompt, from 0
  std::vector<double> up;             // 1 or 0
  std::vector<double> weights;        // [prompts]
  std::vector<std::int32_t> sources;  // [prompts]
  std::int64_t prompts() const { return static_cast<std::int64_t>(weights.size()); }
};

// log e_n(exp x_1, ..., exp x_k) of each prompt, n of its k answers being up: [prompts] fp64, differentiable in x [n
// answers]. e_n is the elementary symmetric polynomial, by the recursion over answers, O(k n) a prompt.
at::Tensor log_symmetric_sums(const at::Tensor& x, const ThumbsTable& table);

// -log P(these thumbs | their number): [prompts], 0 where all thumbs of a prompt are alike.
at::Tensor conditional_losses(const at::Tensor& x, const ThumbsTable& table);

// Nodes and weights with sum_q weights[q] f(nodes[q]) = E f(z), z ~ N(0, 1), exact for polynomials of degree below 2
// size (Gauss and Hermite).
struct NormalNodes {
  std::vector<double> nodes, weights;
};
NormalNodes normal_nodes(std::size_t size);

// g ~ N(mu, tau^2), one law a source, learnt by EM over the steps: after each step mu and tau^2 are the running mean
// and variance of g under its posterior.
class PromptLaw {
 public:
  explicit PromptLaw(double decay);

  // A row of the training data, before the first step: mu begins where the share of ups is right at Delta 0.
  void observe(const std::vector<SequenceMeta>& row);

  // -log of the integral over g: [prompts], differentiable in x; adds what end_step needs.
  at::Tensor losses(const at::Tensor& x, const ThumbsTable& table, MetricSums& metrics) const;
  void end_step(const MetricSums& step);
  Json state() const;
  void load_state(const Json& state);

 private:
  // The law of one source, with decayed sums of g and g^2.
  struct Law {
    double mean = 0, deviation = 1;
    double sum = 0, squares = 0, count = 0;
    double ups = 0, thumbs = 0;  // observed
  };
  Law law(std::int32_t source) const;

  double decay_;
  NormalNodes nodes_;
  std::map<std::int32_t, Law> laws_;
};

}  // namespace una::objective
