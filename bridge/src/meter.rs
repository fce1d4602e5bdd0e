//! The bridge's allocator: the system's, with two additions.
//! - Memory that cannot be had ends the program with a sentence and exit code 2; Rust's own handler aborts.
//! - A metered body (rendering a template) has a budget of memory and processor time. Going over it is noted, and
//!   `check` turns the note into an error at the next filter, method, `set`, `if` or output. What never gets there (one
//!   expression that allocates or compares without end) ends the program at twice the memory or three times the time:
//!   neither an allocator nor a signal handler (alarm.rs) can fail softly or unwind.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt::{Display, Write};
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::alarm;

/// What a body may use, on the thread that runs it.
#[derive(Clone, Copy)]
pub struct Budget {
    pub bytes: usize,
    pub seconds: f64, // of the thread's processor time
}

/// For the sentences: "rows.parquet: reading rows takes more than 512 MB of memory; ...".
#[derive(Clone, Copy)]
pub struct Task<'a> {
    pub what: &'a str,
    pub advice: &'a str,
}

/// The program ends where a body has used this many times its processor time.
const LAST: f64 = 3.0;

#[derive(Clone, Copy, PartialEq)]
enum Over {
    No,
    Bytes,
    Time,
}

struct Account {
    on: Cell<bool>,
    live: Cell<i64>, // bytes allocated minus bytes freed since the body began
    bytes: Cell<i64>,
    calls: Cell<u32>,
    start: Cell<f64>,
    seconds: Cell<f64>,
    over: Cell<Over>,
    task: Cell<Task<'static>>,
}

thread_local! {
    // Without a destructor, so that the allocator may read it at any time.
    static ACCOUNT: Account = const {
        Account {
            on: Cell::new(false),
            live: Cell::new(0),
            bytes: Cell::new(0),
            calls: Cell::new(0),
            start: Cell::new(0.0),
            seconds: Cell::new(0.0),
            over: Cell::new(Over::No),
            task: Cell::new(Task {
                what: "",
                advice: "",
            }),
        }
    };
}

fn thread_seconds() -> f64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // Safety: `now` is writable; the clock exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut now) };
    now.tv_sec as f64 + now.tv_nsec as f64 * 1e-9
}

/// A sentence on the stack: nothing may be allocated where memory has run out.
struct Line {
    bytes: [u8; 400],
    size: usize,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let room = text.len().min(self.bytes.len() - self.size);
        self.bytes[self.size..self.size + room].copy_from_slice(&text.as_bytes()[..room]);
        self.size += room;
        Ok(())
    }
}

/// What the program still does before `end_program` ends it; null: nothing.
static AT_END: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

/// # Safety
/// `act` may be called at any time, from any thread; it must not allocate by this allocator.
#[no_mangle]
pub unsafe extern "C" fn una_on_end(act: extern "C" fn()) {
    AT_END.store(act as *mut (), Ordering::Release);
}

#[cold]
fn end_program(what: std::fmt::Arguments) -> ! {
    let mut line = Line {
        bytes: [0; 400],
        size: 0,
    };
    let _ = writeln!(line, "una: {what}");
    // Safety: plain system calls. Destructors and exit handlers might allocate again.
    unsafe {
        libc::write(2, line.bytes.as_ptr().cast(), line.size);
        let act = AT_END.load(Ordering::Acquire);
        if !act.is_null() {
            std::mem::transmute::<*mut (), extern "C" fn()>(act)();
        }
        libc::_exit(2)
    }
}

/// Writes itself without allocating.
struct Sentence<'a>(&'a Account);

impl Display for Sentence<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        let Account {
            over,
            bytes,
            seconds,
            task,
            ..
        } = self.0;
        let Task { what, advice } = task.get();
        match over.get() {
            Over::Bytes => write!(
                out,
                "{what} takes more than {} MB of memory{advice}",
                bytes.get() >> 20
            ),
            _ => write!(out, "{what} takes more than {} s{advice}", seconds.get()),
        }
    }
}

impl Account {
    fn sentence(&self) -> Sentence<'_> {
        Sentence(self)
    }

    /// Safe to call from the allocator: allocates nothing.
    fn charge(&self, bytes: i64) {
        if !self.on.get() {
            return;
        }
        let live = self.live.get() + bytes;
        self.live.set(live);
        if live > self.bytes.get() {
            self.over.set(Over::Bytes);
            if live > 2 * self.bytes.get() {
                end_program(format_args!("{}", self.sentence()));
            }
        }
        self.calls.set(self.calls.get().wrapping_add(1));
        if self.calls.get() % 64 == 0 {
            self.look_at_clock();
        }
    }

    fn look_at_clock(&self) {
        let used = thread_seconds() - self.start.get();
        let limit = self.seconds.get();
        if used > limit {
            self.over.set(Over::Time);
            if used > LAST * limit {
                end_program(format_args!("{}", self.sentence()));
            }
        }
    }
}

/// The same look for a body that does not allocate; safe in a signal handler.
extern "C" fn on_alarm(_: libc::c_int) {
    let _ = ACCOUNT.try_with(|a| {
        if a.on.get() {
            a.look_at_clock();
        }
    });
}

/// Ends the metering also when the body panics.
struct Metering;
impl Drop for Metering {
    fn drop(&mut self) {
        alarm::stop();
        ACCOUNT.with(|a| a.on.set(false));
    }
}

/// Runs `body` under a budget; not to be nested. What it hands out stays counted until it is over.
pub fn metered<T>(task: Task, budget: Budget, body: impl FnOnce() -> T) -> T {
    // Safety: read only while the account is on, which ends with this call.
    let task = unsafe { std::mem::transmute::<Task<'_>, Task<'static>>(task) };
    ACCOUNT.with(|a| {
        a.live.set(0);
        a.bytes
            .set(i64::try_from(budget.bytes).unwrap_or(i64::MAX / 4));
        a.start.set(thread_seconds());
        a.seconds.set(budget.seconds);
        a.over.set(Over::No);
        a.task.set(task);
        a.on.set(true);
    });
    let _metering = Metering;
    alarm::start(LAST * budget.seconds, on_alarm);
    body()
}

/// The sentence of a budget that has been used up.
pub fn check() -> Result<(), String> {
    ACCOUNT.with(|a| {
        if !a.on.get() {
            return Ok(());
        }
        a.calls.set(a.calls.get().wrapping_add(1));
        if a.calls.get() % 16 == 0 {
            a.look_at_clock();
        }
        match a.over.get() {
            Over::No => Ok(()),
            _ => Err(a.sentence().to_string()),
        }
    })
}

/// Bytes that one text made by a template may have: a sixteenth of the memory. Without a budget there is no limit.
pub fn longest_text() -> usize {
    ACCOUNT.with(|a| match a.on.get() {
        true => usize::try_from(a.bytes.get() / 16).unwrap_or(usize::MAX),
        false => usize::MAX,
    })
}

/// Notes that a text was cut at its limit, where the place cannot fail itself.
pub fn note_cut_text() {
    ACCOUNT.with(|a| a.over.set(Over::Bytes));
}

struct Metered;

fn account(bytes: i64) {
    // A thread that is being taken down has no account any more.
    let _ = ACCOUNT.try_with(|a| a.charge(bytes));
}

fn had(place: *mut u8, bytes: usize) -> *mut u8 {
    if place.is_null() {
        end_program(format_args!(
            "out of memory: {bytes} more bytes cannot be had for a tokenizer, chat template, pattern or Parquet file"
        ));
    }
    place
}

// Safety: every call goes on to the system's allocator with the same layout.
unsafe impl GlobalAlloc for Metered {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        account(layout.size() as i64);
        had(System.alloc(layout), layout.size())
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        account(layout.size() as i64);
        had(System.alloc_zeroed(layout), layout.size())
    }
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        account(-(layout.size() as i64));
        System.dealloc(place, layout)
    }
    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        account(size as i64 - layout.size() as i64);
        had(System.realloc(place, layout, size), size)
    }
}

#[global_allocator]
static ALLOCATOR: Metered = Metered;

#[cfg(test)]
mod tests {
    use super::*;

    const TASK: Task = Task {
        what: "testing",
        advice: "; stop",
    };

    #[test]
    fn a_budget_of_memory_is_noticed_and_forgotten() {
        let budget = Budget {
            bytes: 1 << 20,
            seconds: 60.0,
        };
        let sentence = metered(TASK, budget, || {
            assert_eq!(check(), Ok(()));
            let block = vec![1u8; 3 << 19];
            assert_eq!(block.len(), 3 << 19);
            check()
        });
        assert!(sentence
            .unwrap_err()
            .contains("testing takes more than 1 MB of memory; stop"));
        assert_eq!(check(), Ok(()));
        assert!(
            metered(TASK, budget, || (0..100)
                .map(|_| vec![1u8; 1 << 19].len())
                .count())
                == 100
        );
    }

    #[test]
    fn a_budget_of_time_is_noticed() {
        let budget = Budget {
            bytes: 1 << 20,
            seconds: 0.01,
        };
        let sentence = metered(TASK, budget, || loop {
            check()?;
        });
        let sentence: Result<(), String> = sentence;
        assert!(sentence.unwrap_err().contains("0.01 s"));
    }
}
