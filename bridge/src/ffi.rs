//! Types of the border and the guard around every exported body.

use std::panic::{catch_unwind, AssertUnwindSafe};

use crate::outcome::{panic_text, Outcome};

pub const OK: i32 = 0;
pub const INPUT: i32 = 1;
pub const INTERNAL: i32 = 2;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Str {
    data: *const u8,
    size: usize,
}

impl Str {
    /// Safety: `data` points to `size` bytes that live as long as the call.
    pub unsafe fn bytes<'a>(self, what: &str) -> Outcome<&'a [u8]> {
        if self.size == 0 {
            return Ok(&[]);
        }
        if self.data.is_null() {
            return Err(format!("{what} is a null pointer"));
        }
        Ok(std::slice::from_raw_parts(self.data, self.size))
    }

    /// Safety: `data` points to `size` bytes that live as long as the call.
    pub unsafe fn text<'a>(self, what: &str) -> Outcome<&'a str> {
        let bytes = self.bytes(what)?;
        std::str::from_utf8(bytes)
            .map_err(|e| format!("{what} is not valid UTF-8 (byte {})", e.valid_up_to()))
    }
}

#[repr(C)]
pub struct Text {
    data: *mut u8,
    size: usize,
}

impl Text {
    pub fn new(text: String) -> Text {
        let (data, size) = give(text.into_bytes());
        Text { data, size }
    }
}

/// Hands a vector to the caller as pointer and length.
pub fn give<T>(items: Vec<T>) -> (*mut T, usize) {
    let items = items.into_boxed_slice();
    let size = items.len();
    (Box::into_raw(items) as *mut T, size)
}

/// Takes back what `give` handed out. Safety: exactly once, with the same length.
pub unsafe fn take_back<T>(data: *mut T, size: usize) {
    if !data.is_null() {
        drop(Box::from_raw(std::ptr::slice_from_raw_parts_mut(
            data, size,
        )));
    }
}

/// Safety: `data` points to `count` items that live as long as the call, or `count` is 0.
pub unsafe fn slice<'a, T>(data: *const T, count: usize) -> Outcome<&'a [T]> {
    if count == 0 {
        return Ok(&[]);
    }
    if data.is_null() {
        return Err("a null pointer was passed for a non-empty array".into());
    }
    Ok(std::slice::from_raw_parts(data, count))
}

/// Safety: `handle` came from this bridge and is alive, or is null.
pub unsafe fn alive<'a, T>(handle: *const T) -> Outcome<&'a T> {
    handle.as_ref().ok_or_else(|| "the handle is null".into())
}

/// Safety: `texts` points to `count` borrowed texts.
pub unsafe fn texts<'a>(texts: *const Str, count: usize, what: &str) -> Outcome<Vec<&'a str>> {
    slice(texts, count)?
        .iter()
        .enumerate()
        .map(|(i, t)| t.text(&format!("{what} {i}")))
        .collect()
}

/// Runs a body; its result goes to `*out`, its sentence to `*error`. Safety: both point to writable places.
pub unsafe fn guard<T>(out: *mut T, error: *mut Text, body: impl FnOnce() -> Outcome<T>) -> i32 {
    let (status, sentence) = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(value)) => {
            std::ptr::write(out, value);
            return OK;
        }
        Ok(Err(sentence)) => (INPUT, sentence),
        Err(payload) => (
            INTERNAL,
            format!("the bridge failed: {}", panic_text(&*payload)),
        ),
    };
    if !error.is_null() {
        std::ptr::write(error, Text::new(sentence));
    }
    status
}

/// For the functions that only free: a panic in a destructor must not cross the border either.
pub fn quietly(body: impl FnOnce()) {
    let _ = catch_unwind(AssertUnwindSafe(body));
}

/// # Safety
/// `text` came from this bridge and is freed once.
#[no_mangle]
pub unsafe extern "C" fn una_text_free(text: Text) {
    quietly(|| take_back(text.data, text.size));
}
