#pragma once

#include <cstddef>
#include <cstdint>

namespace una {

// Whether malloc is tcmalloc's, which leaves fewer holes: the program is linked with it where it was found.
bool has_tcmalloc();

// Asks the kernel for 2 MB pages behind memory that nothing was written to yet, and behind the rest of its
// first and last one: what is read from end to end again and again then misses the address cache less.
void prefer_huge_pages(void* begin, std::size_t bytes);

// Keeps holes in the C heap from raising the peak. Work of many sizes leaves free pages between live ones,
// the next larger piece of work does not fit into them, and the resident set creeps up to a half above what
// any one piece needs. Free pages go back to the system (malloc_trim, or tcmalloc's call) before a piece of
// work that is larger than all before it, and whenever the resident set has grown by a tenth over what the
// largest one left; in between they are kept, since giving them back costs a page fault each.
class HeapKeeper {
 public:
  void before(std::int64_t size);  // of the work that comes, in any unit that grows with its memory
  void after();
  std::int64_t trims() const { return trims_; }

 private:
  void trim();
  std::int64_t largest_ = 0, trims_ = 0;
  std::uint64_t bound_ = 0;  // bytes
  bool is_largest_ = false;
};

}  // namespace una
