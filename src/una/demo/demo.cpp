// Not opened yet: see ARCHITECTURE.md for what this room will hold.
namespace una::demo {
void placeholder();
void placeholder() {}
}  // namespace una::demo
