#pragma once

#include <cstdint>

#include "una/base/rng.h"

namespace una::net {

// How long to wait before try number `tries` + 1 (tries >= 1 were made): `first` seconds, doubled each time
// up to `limit`, times a factor in [0.5, 1.5) so that many clients do not come back at one time.
double backoff_seconds(double first, double limit, std::int64_t tries, Rng& rng);

// When the next request may begin: evenly spaced for so many a minute, and not before a pause that the server
// asked for. Times are monotonic seconds, handed in.
class Pace {
 public:
  explicit Pace(std::int64_t requests_per_minute)  // 0: no limit
      : spacing_(requests_per_minute > 0 ? 60.0 / static_cast<double>(requests_per_minute) : 0) {}
  double ready_at() const { return ready_at_ > pause_ ? ready_at_ : pause_; }
  void started(double now) { ready_at_ = now + spacing_; }
  void pause_until(double time) { pause_ = time > pause_ ? time : pause_; }

 private:
  double spacing_, ready_at_ = 0, pause_ = 0;
};

}  // namespace una::net
