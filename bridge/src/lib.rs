//! The Rust side of `include/una_bridge.h`: tokenizers and chat templates for a C++ program. Every exported
//! function runs its body under `catch_unwind`; errors cross the border as a status and an owned sentence.

mod clock;
mod ffi;
mod filters;
mod generation;
mod methods;
#[cfg(feature = "parquet")]
mod parquet_rows;
mod pystr;
mod pyvalue;
mod request;
mod template;
mod template_ffi;
mod tokenizer;
mod tokenizer_ffi;
mod train;
