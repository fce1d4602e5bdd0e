// Not opened yet: see ARCHITECTURE.md for what this room will hold.
namespace una::reward {
void placeholder();
void placeholder() {}
}  // namespace una::reward
