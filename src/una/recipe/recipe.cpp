// Not opened yet: see ARCHITECTURE.md for what this room will hold.
namespace una::recipe {
void placeholder();
void placeholder() {}
}  // namespace una::recipe
