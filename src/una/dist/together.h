#pragma once

#include <functional>

#include "una/dist/gang.h"

namespace una::dist {

// Does this rank's share of the work. An InputError of one rank (a signal's Interrupted too) is thrown by all of them, so
// that none waits for another one and each cleans up: the first rank's counts. Other exceptions pass through.
void together(Gang& gang, const std::function<void()>& own_share);

}  // namespace una::dist
