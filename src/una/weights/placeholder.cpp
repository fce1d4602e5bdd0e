// Placeholder until the first source stands here.
namespace una::weights {
void placeholder();
void placeholder() {}
}  // namespace una::weights
