// Not opened yet: see ARCHITECTURE.md for what this room will hold.
namespace una::eval {
void placeholder();
void placeholder() {}
}  // namespace una::eval
