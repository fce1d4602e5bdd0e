// Placeholder until the first source stands here.
namespace una::generate {
void placeholder();
void placeholder() {}
}  // namespace una::generate
