// Answers tests/parity/config_parity.py: prints the config.json that una writes for the model folder given.
#include <iostream>

#include "una/base/error.h"
#include "una/weights/hf_config.h"

int main(int count, char** arguments) {
  if (count != 2) {
    std::cerr << "usage: una_config_dump MODEL_FOLDER\n";
    return 2;
  }
  try {
    std::cout << una::weights::print_model_spec(una::weights::read_model_spec(arguments[1]));
    return 0;
  } catch (const una::InputError& error) {
    std::cerr << error.what() << "\n";
    return 2;
  }
}
