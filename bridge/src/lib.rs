//! C ABI over Hugging Face tokenizers and minijinja.
