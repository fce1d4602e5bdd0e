// Not opened yet: see ARCHITECTURE.md for what this room will hold.
namespace una::net {
void placeholder();
void placeholder() {}
}  // namespace una::net
