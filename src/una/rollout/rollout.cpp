// Not opened yet: see ARCHITECTURE.md for what this room will hold.
namespace una::rollout {
void placeholder();
void placeholder() {}
}  // namespace una::rollout
