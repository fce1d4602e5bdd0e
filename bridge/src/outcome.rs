//! What the bodies of exported functions return, and panics of other people's crates made into sentences.

use std::any::Any;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Once;

/// A body's own fault is a panic; the input's fault is a sentence.
pub type Outcome<T> = Result<T, String>;

static BLAMING: AtomicUsize = AtomicUsize::new(0);
static HOOK: Once = Once::new();

/// The message of a panic.
pub fn panic_text(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("no reason given")
}

/// Runs a crate's code on the user's input. Several crates panic on input that they do not expect; that is the input's
/// fault, and its message does not go to standard error.
pub fn blame_input<T>(what: &str, body: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if BLAMING.load(Ordering::Relaxed) == 0 {
                usual(info);
            }
        }));
    });
    BLAMING.fetch_add(1, Ordering::Relaxed);
    let result = catch_unwind(AssertUnwindSafe(body));
    BLAMING.fetch_sub(1, Ordering::Relaxed);
    result.unwrap_or_else(|payload| Err(format!("{what}: {}", panic_text(&*payload))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_a_crate_is_a_sentence() {
        let sentence = blame_input::<()>("the file cannot be used", || panic!("odd {}", 7));
        assert_eq!(sentence, Err("the file cannot be used: odd 7".to_string()));
        assert_eq!(blame_input("x", || Ok(3)), Ok(3));
    }
}
