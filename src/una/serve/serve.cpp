// Not opened yet: see ARCHITECTURE.md for what this room will hold.
namespace una::serve {
void placeholder();
void placeholder() {}
}  // namespace una::serve
