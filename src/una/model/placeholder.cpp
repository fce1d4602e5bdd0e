// Placeholder until the first source stands here.
namespace una::model {
void placeholder();
void placeholder() {}
}  // namespace una::model
