// Placeholder until the first source stands here.
namespace una::objective {
void placeholder();
void placeholder() {}
}  // namespace una::objective
