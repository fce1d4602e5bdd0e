//! The Rust side of `include/una_bridge.h`: tokenizers, chat templates, Parquet and an HTTP server
//! for a C++ program. Every exported
//! function runs its body under `catch_unwind`; errors cross the border as a status and an owned sentence.

mod alarm;
mod clock;
mod ffi;
mod filters;
mod generation;
mod http_answer;
mod http_checks;
mod http_connection;
mod http_ffi;
mod http_server;
mod kept;
mod meter;
mod methods;
mod outcome;
#[cfg(feature = "parquet")]
mod parquet_bytes;
#[cfg(feature = "parquet")]
mod parquet_rows;
mod pattern;
mod pyerror;
mod pyrepr;
mod pystr;
mod python_regex;
mod python_text;
mod pyvalue;
mod request;
mod source_limits;
mod template;
mod template_ffi;
mod tokenizer;
mod tokenizer_ffi;
mod tokenizer_limits;
mod train;
