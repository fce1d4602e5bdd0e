#pragma once

#include <memory>

#include "una/dist/ranks.h"

namespace una::dist {

// Ranks in processes of their own, here or on other machines, over PyTorch's c10d: a TCPStore in rank 0 where they
// meet and watch each other, and Gloo for the collectives. Waits until every rank has come. See docs/scale.md.
std::unique_ptr<Ranks> make_c10d_gang(const Launch& launch, const RanksOptions& options);

}  // namespace una::dist
