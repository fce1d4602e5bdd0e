// Sums::kFixed: a row has the same bits alone as among others, on one thread and on two.
#include "una/kernels/sums.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "una/kernels/attention.h"
#include "una/kernels/geglu.h"
#include "una/kernels/layer_norm.h"
#include "una/kernels/linear_logps.h"
#include "una/kernels/lora_linear.h"
#include "una/kernels/product.h"
#include "una/kernels/qk_norm.h"
#include "una/kernels/rms_norm.h"
#include "una/kernels/rope.h"
#include "una/kernels/swiglu.h"
#include "una/kernels/testing.h"

namespace una::kernels {
namespace {

using testing::random;

constexpr std::int64_t kRows = 300;

class Threads {
 public:
  explicit Threads(int count) : before_(at::get_num_threads()) { at::set_num_threads(count); }
  ~Threads() { at::set_num_threads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_;
};

using RowOp = std::function<at::Tensor(std::int64_t first, std::int64_t count)>;

// `op` gives the results of the rows [first, first + count) of one input.
void expect_rows_alone(const RowOp& op, const std::string& what) {
  const at::Tensor all = op(0, kRows);
  for (const int threads : {1, 2}) {
    const Threads set(threads);
    EXPECT_TRUE(at::equal(op(0, kRows), all)) << what << ", " << threads << " threads";
    for (const std::int64_t count : {1, 2, 7, 16, 64, 65, 129}) {
      for (const std::int64_t first : {std::int64_t{0}, std::int64_t{5}, kRows - count}) {
        EXPECT_TRUE(at::equal(op(first, count), all.narrow(0, first, count)))
            << what << ": rows " << first << " to " << first + count << ", " << threads << " threads";
      }
    }
  }
}

class RowInvariance : public ::testing::TestWithParam<at::ScalarType> {};

struct Shape {
  std::int64_t in, out;
};

TEST_P(RowInvariance, AProductOfARowDependsOnThatRowAlone) {
  for (const auto& [in, out] :
       std::vector<Shape>{{576, 96}, {96, 576}, {99, 43}, {16, 200}, {200, 8}, {5, 3}}) {
    const at::Tensor x = random({kRows, in}, 1).to(GetParam()), w = random({out, in}, 2).to(GetParam());
    const at::Tensor bias = random({out}, 3).to(GetParam()),
                     wide = random({kRows, out + 6}, 4).to(GetParam());
    const std::string what = "in " + std::to_string(in) + " out " + std::to_string(out);
    expect_rows_alone(
        [&](std::int64_t first, std::int64_t count) {
          return product(x.narrow(0, first, count), w, bias, Sums::kFixed);
        },
        "product, " + what);
    expect_rows_alone(
        [&](std::int64_t first, std::int64_t count) {
          const at::Tensor y = wide.narrow(0, first, count).clone();
          add_product(y.narrow(1, 4, out), x.narrow(0, first, count), w, Sums::kFixed);
          return y;
        },
        "add_product, " + what);
  }
}

TEST_P(RowInvariance, AnAdaptedLinearOfARowDependsOnThatRowAlone) {
  const at::Tensor x = random({kRows, 64}, 1).to(GetParam()), w = random({96, 64}, 2).to(GetParam());
  const auto part = [&](std::int64_t out, std::uint64_t seed, bool dora) {
    LoraTerm term{.a = {random({4, 64}, seed).to(GetParam()), {}},
                  .b = {random({out, 4}, seed + 1).to(GetParam()), {}},
                  .scale = 0.5};
    if (dora) {
      term.gain = random({out}, seed + 2).to(GetParam() == at::kDouble ? at::kDouble : at::kFloat);
    }
    return LinearPart{.out = out, .adapters = {term}};
  };
  for (const bool dora : {false, true}) {
    const std::vector<LinearPart> parts{part(56, 3, dora), part(40, 6, false)};
    const at::NoGradGuard no_grad;
    expect_rows_alone(
        [&](std::int64_t first, std::int64_t count) {
          return stacked_linear(x.narrow(0, first, count), w, {}, parts, {}, Sums::kFixed);
        },
        dora ? "DoRA" : "LoRA");
  }
}

TEST_P(RowInvariance, ALogProbOfARowDependsOnThatRowAlone) {
  const at::Tensor hidden = random({kRows, 320}, 1).to(GetParam()),
                   w = random({1037, 320}, 2, 0.08).to(GetParam());
  std::vector<std::int64_t> ids;
  for (std::int64_t i = 0; i < kRows; ++i) { ids.push_back(i * 37 % 1037); }
  const at::Tensor targets = at::tensor(ids);
  for (const HeadParams& params :
       {HeadParams{.sums = Sums::kFixed},
        HeadParams{.temperature = 0.25, .soft_cap = 5, .chunk_rows = 50, .sums = Sums::kFixed}}) {
    expect_rows_alone(
        [&](std::int64_t first, std::int64_t count) {
          return linear_logps(hidden.narrow(0, first, count), {w, {}}, targets.narrow(0, first, count), {},
                              params)
              .logp;
        },
        "log-probs");
    const at::Tensor plain = linear_logps(hidden, {w, {}}, targets, {}, params).logp;
    const at::Tensor leaf = hidden.clone().set_requires_grad(true);
    EXPECT_TRUE(at::equal(linear_logps(hidden, {w, {}}, targets, {.statistics = true}, params).logp, plain));
    EXPECT_TRUE(at::equal(linear_logps(leaf, {w, {}}, targets, {}, params).logp, plain)) << "with a gradient";
    EXPECT_TRUE(at::equal(linear_logps(leaf, {w, {}}, targets, {.statistics = true}, params).logp, plain));
    EXPECT_TRUE(at::equal(logps_of(product(hidden, w, {}, Sums::kFixed), targets, params), plain))
        << "logits at hand";
  }
}

TEST_P(RowInvariance, RowLoopsTreatARowAloneAsAmongOthers) {
  const at::Tensor x = random({kRows, 106}, 1).to(GetParam()), w = random({106}, 2).to(GetParam());
  const at::Tensor qkv = random({kRows, 5, 22}, 3).to(GetParam()), angle = random({kRows, 9}, 4);
  const at::Tensor q = random({22}, 5).to(GetParam());
  const auto rows = [](const at::Tensor& of, std::int64_t first, std::int64_t count) {
    return of.narrow(0, first, count);
  };
  const std::vector<std::pair<std::string, RowOp>> ops{
      {"rms_norm", [&](auto... r) { return rms_norm(rows(x, r...), {w, {}}, 1e-6); }},
      {"rms_norm, wide",
       [&](auto... r) { return rms_norm(rows(x, r...), {w, {}}, 1e-6, NormKind::kPlusOne); }},
      {"layer_norm", [&](auto... r) { return layer_norm(rows(x, r...), {w, {}}, {w, {}}, 1e-6); }},
      {"swiglu", [&](auto... r) { return swiglu(rows(x, r...)); }},
      {"clamped_swiglu", [&](auto... r) { return clamped_swiglu(rows(x, r...), 1.7, 0.5); }},
      {"geglu", [&](auto... r) { return geglu(rows(x, r...), Gelu::kTanh); }},
      {"geglu, exact", [&](auto... r) { return geglu(rows(x, r...), Gelu::kExact); }},
      {"rope", [&](auto... r) { return rope(rows(qkv, r...), rows(angle, r...), rows(angle, r...), 4); }},
      {"qk_norm",
       [&](auto... r) { return qk_norm(rows(qkv, r...), {q, {}}, {q, {}}, {.kv_heads = 1, .eps = 1e-6}); }}};
  for (const auto& [name, op] : ops) { expect_rows_alone(op, name); }
}

// One sequence's keys in the places of a cache, and how its queries are cut into calls.
struct Sequence {
  at::Tensor q, k, v;  // [T, heads, D]
};

// The queries [first, last) in one call, over keys in `ranges` of a cache.
at::Tensor queries_of(const Sequence& s, std::int64_t first, std::int64_t last,
                      const std::vector<KeyRange>& ranges, const AttentionParams& params,
                      const Weight& sinks) {
  std::int64_t slots = 0;
  for (const KeyRange& range : ranges) { slots = std::max<std::int64_t>(slots, range.end); }
  const at::Tensor k = at::empty({slots, s.k.size(1), s.k.size(2)}, s.k.options()).fill_(1e3), v = k.clone();
  std::int64_t at = 0;
  std::vector<KeyRange> keys;
  for (KeyRange range : ranges) {
    range.end = static_cast<std::int32_t>(std::min<std::int64_t>(range.end, range.begin + last - at));
    if (range.end <= range.begin) { break; }
    const std::int64_t count = range.end - range.begin;
    k.narrow(0, range.begin, count).copy_(s.k.narrow(0, at, count));
    v.narrow(0, range.begin, count).copy_(s.v.narrow(0, at, count));
    at += count;
    keys.push_back(range);
  }
  const auto count = static_cast<std::int32_t>(last - first);
  return attention(s.q.narrow(0, first, last - first), k, v, {{0, count, keys}}, params, sinks);
}

void expect_one_sum(const Sequence& s, const AttentionParams& params, const Weight& sinks,
                    const std::string& what) {
  const auto tokens = static_cast<std::int32_t>(s.q.size(0));
  const std::vector<std::vector<KeyRange>> places{
      {{0, tokens}}, {{300, 341}, {7, 7 + tokens - 41}}, {{16, 32}, {64, 96}, {100, 100 + tokens - 48}}};
  const at::Tensor whole = queries_of(s, 0, tokens, places[0], params, sinks);
  for (const int threads : {1, 2}) {
    const Threads set(threads);
    EXPECT_TRUE(at::equal(queries_of(s, 0, tokens, places[0], params, sinks), whole)) << what;
    for (const auto& place : places) {
      for (const std::int64_t prompt : {1, 15, 64, 100}) {
        std::vector<at::Tensor> parts{queries_of(s, 0, prompt, place, params, sinks)};
        for (std::int64_t t = prompt; t < tokens; ++t) {
          parts.push_back(queries_of(s, t, t + 1, place, params, sinks));
        }
        EXPECT_TRUE(at::equal(at::cat(parts), whole))
            << what << ": a prompt of " << prompt << ", then one by one";
      }
      const at::Tensor in_two = at::cat(
          {queries_of(s, 0, 70, place, params, sinks), queries_of(s, 70, tokens, place, params, sinks)});
      EXPECT_TRUE(at::equal(in_two, whole)) << what << ": in two";
    }
  }
}

TEST_P(RowInvariance, AttentionOfAQueryDependsOnItsKeysAlone) {
  struct Case {
    std::int64_t heads, kv_heads, dim, window;
    double soft_cap;
    bool sinks;
  };
  const std::int64_t tokens = 150;
  for (const Case& c : std::vector<Case>{{4, 4, 16, 0, 0, false},
                                         {6, 2, 64, 0, 0, false},
                                         {3, 1, 40, 33, 0, false},
                                         {2, 1, 20, 0, 7, false},
                                         {4, 2, 32, 20, 3, true}}) {
    const Sequence s{random({tokens, c.heads, c.dim}, 1).to(GetParam()),
                     random({tokens, c.kv_heads, c.dim}, 2).to(GetParam()),
                     random({tokens, c.kv_heads, c.dim}, 3).to(GetParam())};
    const AttentionParams params{
        .scale = 0.2, .window = c.window, .soft_cap = c.soft_cap, .sums = Sums::kFixed};
    const Weight sinks = c.sinks ? Weight{random({c.heads}, 4).to(GetParam()), {}} : Weight{};
    expect_one_sum(s, params, sinks, "heads of " + std::to_string(c.dim));
  }
}

TEST_P(RowInvariance, SamplesThatShareAPromptDoNotChangeEachOther) {
  const std::int64_t prompt = 70, own = 9, samples = 5, heads = 4, dim = 32;
  const std::int64_t slots = prompt + samples * own;
  const at::Tensor q = random({samples, heads, dim}, 1).to(GetParam()),
                   k = random({slots, 2, dim}, 2).to(GetParam()),
                   v = random({slots, 2, dim}, 3).to(GetParam());
  std::vector<Segment> segments;
  for (std::int32_t i = 0; i < samples; ++i) {
    const auto begin = static_cast<std::int32_t>(prompt + i * own);
    segments.push_back({i, i + 1, {{0, prompt}, {begin, begin + 3 + i}}});
  }
  const AttentionParams params{.scale = 0.2, .sums = Sums::kFixed};
  const at::Tensor together = attention(q, k, v, segments, params);
  for (std::int32_t i = 0; i < samples; ++i) {
    const Segment& s = segments[static_cast<std::size_t>(i)];
    EXPECT_TRUE(
        at::equal(attention(q.narrow(0, i, 1), k, v, {{0, 1, s.keys}}, params), together.narrow(0, i, 1)));
  }
}

INSTANTIATE_TEST_SUITE_P(Types, RowInvariance, ::testing::ValuesIn(testing::all_dtypes()));

}  // namespace
}  // namespace una::kernels
