// Not opened yet: see ARCHITECTURE.md for what this room will hold.
namespace una::train {
void placeholder();
void placeholder() {}
}  // namespace una::train
