#include "una/train/rank_share.h"

#include <algorithm>
#include <numeric>

#include "una/base/json.h"

namespace una::train {
namespace {

using Kind = MetricSums::Entry::Kind;

// CBOR holds a double bit for bit, also one that is not finite.
std::string pack(const ShareFindings& findings) {
  Json metrics = Json::object();
  for (const auto& [name, entry] : findings.metrics.entries()) {
    metrics[name] = Json{static_cast<int>(entry.kind), entry.sum, entry.count};
  }
  const Json whole{findings.loss, findings.bad_rows, metrics};
  const std::vector<std::uint8_t> bytes = Json::to_cbor(whole);
  return {bytes.begin(), bytes.end()};
}

void add(const Json& entry, const std::string& name, MetricSums& total) {
  const auto kind = static_cast<Kind>(entry[0].get<int>());
  const auto sum = entry[1].get<double>(), count = entry[2].get<double>();
  switch (kind) {
    case Kind::kMean:
      total.add(name, sum, count);
      return;
    case Kind::kMax:
      total.add_max(name, sum);
      return;
    case Kind::kMin:
      total.add_min(name, sum);
      return;
  }
}

}  // namespace

std::vector<std::size_t> rank_share(const std::vector<PackedBatch>& batches, const dist::Gang& gang) {
  std::vector<std::size_t> order(batches.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return batches[a].num_tokens() > batches[b].num_tokens();
  });
  std::vector<std::int64_t> tokens(static_cast<std::size_t>(gang.size()), 0);
  std::vector<std::size_t> own;
  for (const std::size_t number : order) {
    const auto emptiest = std::min_element(tokens.begin(), tokens.end());
    *emptiest += batches[number].num_tokens();
    if (emptiest - tokens.begin() == gang.rank()) { own.push_back(number); }
  }
  std::sort(own.begin(), own.end());
  return own;
}

ShareFindings merge_findings(const ShareFindings& own, dist::Gang& gang) {
  ShareFindings total;
  for (const std::string& bytes : gang.gather_all(pack(own))) {
    const Json one = Json::from_cbor(bytes);
    total.loss += one[0].get<double>();
    for (const Json& row : one[1]) { total.bad_rows.push_back(row.get<std::string>()); }
    for (const auto& [name, entry] : one[2].items()) { add(entry, name, total.metrics); }
  }
  return total;
}

}  // namespace una::train
