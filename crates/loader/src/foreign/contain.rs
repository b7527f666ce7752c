//! Work on foreign bytes by code that panics on them: a panic becomes an error.
//!
//! The work has a thread of its own, so that its stack is known whoever calls, and the thread is
//! marked, so that the process's panic hook can tell a contained panic, of which nobody needs to
//! hear, from a bug.

use std::any::Any;
use std::cell::Cell;
use std::thread::{self, Builder};

/// The stack of contained work: some hundred functions of an object may call one another, and the
/// linker follows them by calling itself.
const STACK: usize = 16 << 20;

thread_local! {
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// Whether a panic of the calling thread becomes an error. A panic hook has nothing to say then.
pub fn is_contained() -> bool {
    CONTAINED.get()
}

/// Does `work`; if it panics, what it said.
pub(super) fn contained<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, String> {
    thread::scope(|scope| {
        let marked = || {
            CONTAINED.set(true);
            work()
        };
        let thread = Builder::new().name("foreign".to_owned()).stack_size(STACK);
        match thread.spawn_scoped(scope, marked) {
            Ok(thread) => thread.join().map_err(|panic| said(panic.as_ref())),
            Err(error) => Err(format!("there is no thread for it: {error}")),
        }
    })
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_words_and_the_caller_is_not_marked() {
        assert_eq!(contained(|| 7), Ok(7));
        // The hook of the test process prints what it is not asked to keep to itself.
        std::panic::set_hook(Box::new(|_| ()));
        assert_eq!(contained(|| panic!("number {}", 3)), Err::<(), _>("number 3".to_owned()));
        let _ = std::panic::take_hook();
        assert_eq!(contained(is_contained), Ok(true));
        assert!(!is_contained());
    }
}
