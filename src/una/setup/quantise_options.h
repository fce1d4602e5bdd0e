#pragma once

#include <string>

#include "una/base/error.h"
#include "una/core/packed_matrix.h"

namespace una::setup {

// Whether the base is quantised when it is loaded; the names are transformers' and TRL's.
struct QuantiseOptions {
  bool load_in_4bit = false, load_in_8bit = false;
  std::string bnb_4bit_quant_type = "nf4";
  bool bnb_4bit_use_double_quant = true;
  template <class V>
  void fields(V&& v) {
    v("load_in_4bit", load_in_4bit, "hold the layers' matrices of the base in 4 bits (NF4, as bitsandbytes)");
    v("load_in_8bit", load_in_8bit, "hold them in 8 bits, with a scale for each row");
    v("bnb_4bit_quant_type", bnb_4bit_quant_type, "nf4");
    v("bnb_4bit_use_double_quant", bnb_4bit_use_double_quant,
      "quantise the scales of 4-bit blocks too (0.4 bits a number less)");
  }

  bool any() const { return load_in_4bit || load_in_8bit; }
  // The key that asks for it, for sentences.
  const char* key() const { return load_in_4bit ? "load_in_4bit" : "load_in_8bit"; }
  // InputError for both at once and for another type.
  Quantisation quantisation() const {
    check_input(!load_in_4bit || !load_in_8bit, "load_in_4bit and load_in_8bit: choose one of them");
    check_input(bnb_4bit_quant_type == "nf4", "bnb_4bit_quant_type: '", bnb_4bit_quant_type,
                "' is not offered, choose nf4");
    Quantisation out;
    if (load_in_4bit) { out.kind = Quantisation::Kind::kNf4; }
    if (load_in_8bit) { out.kind = Quantisation::Kind::kInt8; }
    out.nested = bnb_4bit_use_double_quant;
    return out;
  }
};

}  // namespace una::setup
