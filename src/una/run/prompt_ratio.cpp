#include "una/run/prompt_ratio.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include <ATen/TensorOperators.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/mv.h>
#include <c10/core/GradMode.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/objective/rows.h"
#include "una/objective/una/shrinkage.h"

namespace una::run {
namespace {

using objective::device_tensor;
using objective::host_values;
using objective::ratio_of_lambda;

constexpr std::int64_t kFolds = 4;
const std::vector<double>& lambdas() {
  static const std::vector<double> kLambdas = {0, .05, .1, .2, .35, .5, .65, .8, .9, 1};
  return kLambdas;
}
constexpr std::size_t kRidges = 13;         // from 1e-3 to 1e3 times the mean eigenvalue, in half decades
constexpr double kLeastImprovement = 1e-3;  // of the loss, below which the fits found nothing

using Members = std::vector<std::vector<std::int64_t>>;  // answers of each prompt

// Prompts in the order of their first answer.
Members members_of(const std::vector<std::int64_t>& prompts) {
  Members out;
  std::map<std::int64_t, std::size_t> places;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const auto [place, fresh] = places.try_emplace(prompts[i], out.size());
    if (fresh) { out.emplace_back(); }
    out[place->second].push_back(static_cast<std::int64_t>(i));
  }
  return out;
}

double mean_of(const std::vector<double>& values, const std::vector<std::int64_t>& at) {
  double sum = 0;
  for (const std::int64_t i : at) { sum += values[static_cast<std::size_t>(i)]; }
  return sum / static_cast<double>(at.size());
}

// Sum of squares inside the prompts and its degrees of freedom.
std::pair<double, double> inside(const std::vector<double>& values, const Members& prompts) {
  double sum = 0, freedom = 0;
  for (const std::vector<std::int64_t>& own : prompts) {
    const double mean = mean_of(values, own);
    for (const std::int64_t i : own) { sum += std::pow(values[static_cast<std::size_t>(i)] - mean, 2); }
    freedom += static_cast<double>(own.size()) - 1;
  }
  return {sum, freedom};
}

double moments_ratio(const std::vector<double>& rewards, const Members& prompts) {
  std::vector<double> means;
  double inverse = 0, centre = 0;
  for (const std::vector<std::int64_t>& own : prompts) {
    means.push_back(mean_of(rewards, own));
    inverse += 1 / static_cast<double>(own.size());
    centre += means.back();
  }
  const auto n = static_cast<double>(means.size());
  centre /= n;
  double between = 0;
  for (const double mean : means) { between += std::pow(mean - centre, 2) / (n - 1); }
  const auto [sum, freedom] = inside(rewards, prompts);
  const double noise = freedom > 0 ? sum / freedom : 0, prompt = between - noise * inverse / n;
  if (!(prompt > 0)) { return 0; }
  return noise > 0 ? prompt / noise : std::numeric_limits<double>::infinity();
}

// The root of the quadratic form sum_j (e_j - mean)^2 + lambda_k k mean^2, block by prompt.
at::Tensor root_form(const Members& prompts, std::int64_t n, double ratio) {
  at::Tensor out = at::eye(n, at::kDouble);
  for (const std::vector<std::int64_t>& own : prompts) {
    const auto k = static_cast<double>(own.size());
    const double lambda = objective::lambda_of_ratio(ratio, k), off = (1 - std::sqrt(lambda)) / k;
    auto* values = out.mutable_data_ptr<double>();
    for (const std::int64_t i : own) {
      for (const std::int64_t j : own) { values[i * n + j] -= off; }
    }
  }
  return out;
}

// The answers that one fold fits and those that it holds out.
struct Fold {
  std::vector<std::int64_t> fitted, held;  // answers
  Members fitted_prompts, held_prompts;    // places in these lists
};

Fold fold_of(const Members& prompts, std::int64_t number) {
  Fold fold;
  for (std::size_t p = 0; p < prompts.size(); ++p) {
    const bool out = static_cast<std::int64_t>(p) % kFolds == number;
    std::vector<std::int64_t>& answers = out ? fold.held : fold.fitted;
    std::vector<std::int64_t> places;
    for (const std::int64_t i : prompts[p]) {
      places.push_back(static_cast<std::int64_t>(answers.size()));
      answers.push_back(i);
    }
    (out ? fold.held_prompts : fold.fitted_prompts).push_back(std::move(places));
  }
  return fold;
}

std::vector<double> values_at(const std::vector<double>& values, const std::vector<std::int64_t>& at) {
  std::vector<double> out;
  for (const std::int64_t i : at) { out.push_back(values[static_cast<std::size_t>(i)]); }
  return out;
}

at::Tensor indices(const std::vector<std::int64_t>& at) { return device_tensor(at, at::kCPU); }

// Held-out sums of squares: [lambda][ridge][prompt].
using Losses = std::vector<std::vector<std::vector<double>>>;

// Adds those of one fold.
void add_fold(const JudgedAnswers& answers, const Fold& fold, Losses& losses) {
  const at::Tensor fitted = indices(fold.fitted), rows = answers.kernel.index_select(0, fitted);
  const at::Tensor own = rows.index_select(1, fitted), across = rows.index_select(1, indices(fold.held)).t();
  std::vector<double> rewards = values_at(answers.rewards, fold.fitted);
  double centre = 0;
  for (const std::vector<std::int64_t>& prompt : fold.fitted_prompts) { centre += mean_of(rewards, prompt); }
  centre /= static_cast<double>(fold.fitted_prompts.size());
  for (double& reward : rewards) { reward -= centre; }
  const std::vector<double> held = values_at(answers.rewards, fold.held);
  const double size = std::max(own.diagonal().mean().item<double>(), 1e-300);
  for (std::size_t l = 0; l < lambdas().size(); ++l) {
    const at::Tensor root = root_form(fold.fitted_prompts, own.size(0), ratio_of_lambda(lambdas()[l]));
    const auto [values, vectors] = at::linalg_eigh(root.mm(own).mm(root));
    const at::Tensor wanted = vectors.t().mv(root.mv(device_tensor(rewards, at::kCPU)));
    const at::Tensor map = across.mm(root).mm(vectors);
    for (std::size_t r = 0; r < kRidges; ++r) {
      const double ridge = size * std::pow(10.0, .5 * static_cast<double>(r) - 3);
      std::vector<double> rest = host_values(map.mv(wanted / (values.clamp_min(0) + ridge)));
      for (std::size_t i = 0; i < rest.size(); ++i) { rest[i] = held[i] - rest[i]; }
      for (const std::vector<std::int64_t>& prompt : fold.held_prompts) {
        losses[l][r].push_back(inside(rest, {prompt}).first);
      }
    }
  }
}

double sum_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) { sum += value; }
  return sum;
}

// Whether `a` is above `b` by more than the standard error of the difference over prompts.
bool is_clearly_above(const std::vector<double>& a, const std::vector<double>& b) {
  const auto n = static_cast<double>(a.size());
  const double mean = (sum_of(a) - sum_of(b)) / n;
  double squares = 0;
  for (std::size_t p = 0; p < a.size(); ++p) { squares += std::pow(a[p] - b[p] - mean, 2); }
  return mean > std::sqrt(squares / n / std::max(n - 1, 1.0));
}

double lambda_of(double ratio) { return objective::lambda_of_ratio(ratio, 2); }

std::size_t nearest(double lambda) {
  std::size_t best = 0;
  for (std::size_t l = 0; l < lambdas().size(); ++l) {
    if (std::abs(lambdas()[l] - lambda) < std::abs(lambdas()[best] - lambda)) { best = l; }
  }
  return best;
}

}  // namespace

RatioChoice choose_ratio(const JudgedAnswers& answers) {
  const c10::AutoGradMode no_grad(false);
  const Members prompts = members_of(answers.prompts);
  check(prompts.size() >= 2, "choose_ratio: two prompts or more are needed");
  RatioChoice out;
  out.lambdas = lambdas();
  out.ratio = out.moments_ratio = moments_ratio(answers.rewards, prompts);
  Losses losses(lambdas().size(), std::vector<std::vector<double>>(kRidges));
  for (std::int64_t f = 0; f < kFolds; ++f) {
    const Fold fold = fold_of(prompts, f);
    if (!fold.held.empty() && !fold.fitted.empty()) { add_fold(answers, fold, losses); }
  }
  const auto [sum, freedom] = inside(answers.rewards, prompts);
  const double scale = 1 / std::max(freedom, 1.0);
  out.zero_loss = sum * scale;
  std::vector<const std::vector<double>*> best_ridge;
  for (const auto& ridges : losses) {
    const auto best = std::min_element(ridges.begin(), ridges.end(),
                                       [](const auto& a, const auto& b) { return sum_of(a) < sum_of(b); });
    best_ridge.push_back(&*best);
    out.losses.push_back(sum_of(*best) * scale);
  }
  const auto best =
      static_cast<std::size_t>(std::min_element(out.losses.begin(), out.losses.end()) - out.losses.begin());
  const std::size_t start = nearest(lambda_of(out.moments_ratio));
  out.by_loss = out.losses[best] < (1 - kLeastImprovement) * out.zero_loss &&
                is_clearly_above(*best_ridge[start], *best_ridge[best]);
  if (out.by_loss) { out.ratio = ratio_of_lambda(lambdas()[best]); }
  return out;
}

std::string RatioChoice::text() const {
  const double least = *std::min_element(losses.begin(), losses.end());
  return cat("lambda ", significant(lambda_of(ratio), 2), " of two answers, ",
             by_loss ? cat("by the held-out loss inside prompts (the variances alone say ",
                           significant(lambda_of(moments_ratio), 2), ")")
                     : std::string(
                           "by the variances of the rewards, which the held-out loss inside prompts does not "
                           "speak against"),
             ": least ", significant(least, 4), ", pointwise ", significant(losses.back(), 4),
             ", the group's mean ", significant(losses.front(), 4), ", no fit ", significant(zero_loss, 4));
}

}  // namespace una::run
