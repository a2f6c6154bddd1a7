//! Work on several processors that comes back in the order in which it was given: a file has its rows in the same
//! order whatever the machine.

use std::collections::VecDeque;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// More helpers than one writer can keep up with are of no use.
const MOST: usize = 8;
/// How many jobs wait for each helper; each holds a machine and its rows.
const AHEAD: usize = 2;

/// What is to be done, and where it goes.
type Task<J, D> = (J, SyncSender<thread::Result<D>>);

/// Does `work` on what `give` hands out, on as many processors as there are, and hands what came of it to `take`, in
/// that order. A few jobs are in memory at a time. The first error ends it.
///
/// # Panics
/// Where `work` does.
pub(super) fn in_order<J: Send, D: Send, R, E>(
    work: impl Fn(J) -> D + Sync,
    give: impl FnOnce(&mut dyn FnMut(J) -> Result<(), E>) -> Result<R, E>,
    mut take: impl FnMut(D) -> Result<(), E>,
) -> Result<R, E> {
    let most = thread::available_parallelism().map_or(1, usize::from);
    let (to_helpers, tasks) = mpsc::channel::<Task<J, D>>();
    let tasks = Mutex::new(tasks);
    thread::scope(|scope| {
        let helpers = (0..most.min(MOST)).filter(|_| {
            let helper = thread::Builder::new().name("export".to_owned());
            helper.spawn_scoped(scope, || help(&tasks, &work)).is_ok()
        });
        let helpers = helpers.count();
        let mut waiting = VecDeque::new();
        let given = give(&mut |job| {
            if helpers == 0 {
                // No thread is to be had.
                return take(work(job));
            }
            if waiting.len() >= helpers * AHEAD
                && let Some(done) = waiting.pop_front()
            {
                take(result(&done))?;
            }
            let (to_us, done) = mpsc::sync_channel(1);
            waiting.push_back(done);
            // Helpers take tasks until there are no more.
            to_helpers.send((job, to_us)).ok();
            Ok(())
        });
        drop(to_helpers);
        let given = given?;
        for done in waiting {
            take(result(&done))?;
        }
        Ok(given)
    })
}

/// Takes tasks until there are no more.
fn help<J, D>(tasks: &Mutex<Receiver<Task<J, D>>>, work: &impl Fn(J) -> D) {
    loop {
        let next = tasks.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((job, done)) = next else {
            return;
        };
        // Whoever gave it learns of a panic, as if the work had been done there.
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| work(job)));
        if done.send(outcome).is_err() {
            return;
        }
    }
}

fn result<D>(done: &Receiver<thread::Result<D>>) -> D {
    match done.recv() {
        Ok(Ok(done)) => done,
        Ok(Err(panic)) => panic::resume_unwind(panic),
        Err(_) => unreachable!("a helper answers each task"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_back_is_in_the_order_in_which_it_was_given() {
        let mut taken = Vec::new();
        let given = in_order(
            |job: u64| {
                // The later ones are done first.
                thread::sleep(std::time::Duration::from_micros(200 - job));
                job * 2
            },
            |give| {
                (0..200).try_for_each(give)?;
                Ok::<_, ()>("all")
            },
            |done| {
                taken.push(done);
                Ok(())
            },
        );
        assert_eq!(given, Ok("all"));
        assert_eq!(taken, (0..200).map(|job| job * 2).collect::<Vec<_>>());
    }

    #[test]
    fn the_first_error_ends_it() {
        let mut given = 0;
        let end = in_order(
            |job: u32| job,
            |give| {
                for job in 0.. {
                    given += 1;
                    give(job)?;
                }
                Ok(())
            },
            |done| if done < 3 { Ok(()) } else { Err(done) },
        );
        assert_eq!(end, Err(3));
        assert!(given < 100, "{given} jobs were in memory");
        let end = in_order(|job: u32| job, |_| Err::<(), _>("given"), |_| Ok(()));
        assert_eq!(end, Err("given"));
    }

    #[test]
    #[should_panic(expected = "the third")]
    fn a_panic_of_the_work_is_one_of_whoever_gave_it() {
        let work = |job: u32| assert!(job != 3, "the third");
        let end: Result<(), ()> = in_order(work, |give| (0..10).try_for_each(give), |()| Ok(()));
        end.unwrap();
    }
}
