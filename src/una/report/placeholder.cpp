// Placeholder until the first source stands here.
namespace una::report {
void placeholder();
void placeholder() {}
}  // namespace una::report
