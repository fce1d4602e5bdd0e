//! A timer of the thread's processor time for bodies that compute without allocating: sorting, comparing or searching
//! texts of megabytes. The meter's allocator never sees those, so a signal to the thread looks at the clock for it.

use std::cell::RefCell;

/// Seconds between two looks after the first, in case the first came a little early.
const AGAIN: f64 = 0.25;
/// Longer times are not waited for.
const LONGEST: f64 = 1e6;

struct Timer {
    id: libc::timer_t,
    process: libc::pid_t, // that made it: a child of fork has none
}

impl Drop for Timer {
    fn drop(&mut self) {
        // Safety: the timer is this process's own and is deleted once.
        unsafe {
            if libc::getpid() == self.process {
                libc::timer_delete(self.id);
            }
        }
    }
}

thread_local! {
    static TIMER: RefCell<Option<Timer>> = const { RefCell::new(None) };
}

fn signal() -> libc::c_int {
    libc::SIGRTMIN() + 5
}

fn span(seconds: f64) -> libc::timespec {
    libc::timespec {
        tv_sec: seconds as libc::time_t,
        tv_nsec: (seconds.fract() * 1e9) as libc::c_long,
    }
}

fn make(act: extern "C" fn(libc::c_int)) -> Option<Timer> {
    // Safety: plain system calls on values of this frame; zero is valid for both structures.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = act as *const () as usize;
        action.sa_flags = libc::SA_RESTART;
        let mut event: libc::sigevent = std::mem::zeroed();
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = signal();
        event.sigev_notify_thread_id = libc::syscall(libc::SYS_gettid) as libc::c_int;
        let mut id: libc::timer_t = std::mem::zeroed();
        let made = libc::sigaction(signal(), &action, std::ptr::null_mut()) == 0
            && libc::timer_create(libc::CLOCK_THREAD_CPUTIME_ID, &mut event, &mut id) == 0;
        made.then(|| Timer {
            id,
            process: libc::getpid(),
        })
    }
}

/// `act` is called on this thread, as a signal handler, once it has used that much more processor time, and again and
/// again until `stop`. Where the system has no timer left, it is not called.
pub fn start(seconds: f64, act: extern "C" fn(libc::c_int)) {
    if seconds > LONGEST {
        return;
    }
    let _ = TIMER.try_with(|timer| {
        let mut timer = timer.borrow_mut();
        // Safety: a plain system call.
        if timer
            .as_ref()
            .is_none_or(|t| t.process != unsafe { libc::getpid() })
        {
            *timer = make(act);
        }
        set(timer.as_ref(), seconds, AGAIN);
    });
}

pub fn stop() {
    let _ = TIMER.try_with(|timer| set(timer.borrow().as_ref(), 0.0, 0.0));
}

fn set(timer: Option<&Timer>, seconds: f64, again: f64) {
    let Some(timer) = timer else { return };
    let times = libc::itimerspec {
        it_value: span(seconds),
        it_interval: span(again),
    };
    // Safety: the timer lives; its old setting is not asked for.
    unsafe { libc::timer_settime(timer.id, 0, &times, std::ptr::null_mut()) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    static CALLS: AtomicUsize = AtomicUsize::new(0);
    extern "C" fn count(_: libc::c_int) {
        CALLS.fetch_add(1, Ordering::Relaxed);
    }

    #[test]
    fn it_counts_processor_time_until_it_is_stopped() {
        start(0.02, count);
        std::thread::sleep(std::time::Duration::from_millis(60));
        assert_eq!(CALLS.load(Ordering::Relaxed), 0);
        while CALLS.load(Ordering::Relaxed) == 0 {
            std::hint::spin_loop();
        }
        stop();
        let before = CALLS.load(Ordering::Relaxed);
        let start = std::time::Instant::now();
        while start.elapsed().as_millis() < 600 {
            std::hint::spin_loop();
        }
        assert_eq!(CALLS.load(Ordering::Relaxed), before);
    }
}
