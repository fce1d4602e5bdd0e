#pragma once

namespace una {

// A signal came to another process of the same work (a rank): from here on interrupted() is true and interrupt_signal() is
// its number, as if it had come to this one. A signal that then comes to this process itself is the first, not the second.
void note_interrupt_elsewhere(int signal);

}  // namespace una
