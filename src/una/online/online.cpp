// Not opened yet: see ARCHITECTURE.md for what this room will hold.
namespace una::online {
void placeholder();
void placeholder() {}
}  // namespace una::online
