#pragma once

#include <cstdint>
#include <string>

namespace una::run {

// "10GbE", "100GbE", "400Gb/s", "11GB/s", "3TB/s": bytes a second that are left for data. Ethernet is taken at 0.88 of its
// name, as measured rates of large TCP streams are. InputError, which begins with `key`, for anything else.
double parse_rate(const std::string& text, const std::string& key);

// "80GB", "23.5GB", "512MB": bytes. GB are 2^30, as programs show memory. InputError, which begins with `key`, otherwise.
double parse_memory(const std::string& text, const std::string& key);

// Ranks on machines of equal size, and what connects them.
struct GangShape {
  std::int64_t ranks = 1, machines = 1;
  double link = 0, local_link = 0;  // bytes a second between machines, and between two ranks of one machine
  double message = 50e-6;           // seconds of a small one
  // Bytes a second around a ring of all ranks: those of its slowest link. One rank: infinite.
  double ring() const;
};

// Seconds and bytes that each rank sends for collectives over `bytes` on every rank, by a ring.
struct Exchange {
  double seconds = 0, sent = 0;
};
Exchange sum_exchange(const GangShape& gang, double bytes);  // each rank has a summand, and gets the sum
Exchange gather_exchange(const GangShape& gang,
                         double bytes);  // each rank has one of the equal parts, and gets all

}  // namespace una::run
