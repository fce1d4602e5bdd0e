//! Errors of the functions that templates call.

use minijinja::{Error, ErrorKind};

use crate::meter;

pub fn wrong(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

pub fn too_long() -> Error {
    wrong(format!(
        "it makes a text of more than {} MB (--chat_template_max_mb)",
        meter::longest_text() >> 20
    ))
}

/// Fails when a text of so many bytes is over the limit; before it is made.
pub fn check_length(bytes: usize) -> Result<(), Error> {
    match bytes > meter::longest_text() {
        true => Err(too_long()),
        false => Ok(()),
    }
}

/// Fails when the budget of a rendering has been used up.
pub fn check_budget() -> Result<(), Error> {
    meter::check().map_err(wrong)
}
