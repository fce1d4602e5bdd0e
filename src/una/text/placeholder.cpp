// Placeholder until the first source stands here.
namespace una::text {
void placeholder();
void placeholder() {}
}  // namespace una::text
