// Placeholder until the first source stands here.
namespace una::data {
void placeholder();
void placeholder() {}
}  // namespace una::data
