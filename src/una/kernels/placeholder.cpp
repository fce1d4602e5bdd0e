// Placeholder until the first source stands here.
namespace una::kernels {
void placeholder();
void placeholder() {}
}  // namespace una::kernels
