//! The places in which passwords are hashed: a bounded number at a time, and a bounded number that wait. A place is
//! taken for as long as the work runs, also when the browser that asked for it hangs up: each hash takes 19 MiB.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Every place is taken, and as many passwords wait as may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords wait to be hashed")]
pub struct Busy;

/// The places.
#[derive(Debug)]
pub struct HashingPlaces {
    running: Arc<Semaphore>,
    /// Those that run or wait.
    admitted: Arc<Semaphore>,
}

impl HashingPlaces {
    /// Places for `concurrent` hashes at a time, and `queued` that wait.
    #[must_use]
    pub fn new(concurrent: usize, queued: usize) -> Self {
        Self {
            running: Arc::new(Semaphore::new(concurrent)),
            admitted: Arc::new(Semaphore::new(concurrent.saturating_add(queued).min(Semaphore::MAX_PERMITS))),
        }
    }

    /// Does the work in a place of its own. Returns `None` if the work panicked.
    ///
    /// # Errors
    /// Too many others wait.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Option<T>, Busy> {
        let admission = Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| Busy)?;
        let place = Arc::clone(&self.running).acquire_owned().await.map_err(|_| Busy)?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop((place, admission));
            done
        });
        Ok(done.await.ok())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::task::Poll;

    use super::*;

    /// Begins work that ends when something is sent, and hangs up once it has been asked for.
    async fn begin_and_hang_up(places: &HashingPlaces) -> mpsc::Sender<()> {
        let (end, ended) = mpsc::channel::<()>();
        let mut work = Box::pin(places.run(move || ended.recv().is_ok()));
        let pending =
            std::future::poll_fn(|context| Poll::Ready(work.as_mut().poll(context).is_pending())).await;
        assert!(pending, "the work did not begin");
        end
    }

    #[tokio::test]
    async fn a_place_stays_taken_until_its_work_ends_also_after_a_hang_up() {
        let places = HashingPlaces::new(2, 0);
        let works = [begin_and_hang_up(&places).await, begin_and_hang_up(&places).await];
        assert_eq!(places.run(|| ()).await, Err(Busy));
        for work in works {
            work.send(()).unwrap();
        }
        // Both places come back, and come back once.
        let _all = places.running.acquire_many(2).await.unwrap();
        assert_eq!(places.running.available_permits(), 0);
    }

    #[tokio::test]
    async fn a_place_comes_back_when_its_work_panics() {
        let places = HashingPlaces::new(1, 0);
        assert_eq!(places.run(|| panic!("a fault of the work")).await, Ok(None::<()>));
        assert_eq!(places.run(|| 7).await, Ok(Some(7)));
    }

    #[tokio::test]
    async fn no_more_passwords_wait_than_the_queue_holds() {
        let places = HashingPlaces::new(1, 1);
        let work = begin_and_hang_up(&places).await;
        let mut waiting = Box::pin(places.run(|| 7));
        let pending =
            std::future::poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context).is_pending())).await;
        assert!(pending, "there was a place left");
        assert_eq!(places.run(|| ()).await, Err(Busy));
        work.send(()).unwrap();
        assert_eq!(waiting.await, Ok(Some(7)));
    }

    #[tokio::test]
    async fn a_waiting_password_leaves_the_queue_when_its_browser_hangs_up() {
        let places = HashingPlaces::new(1, 1);
        let work = begin_and_hang_up(&places).await;
        drop(begin_and_hang_up(&places).await);
        let mut waiting = Box::pin(places.run(|| ()));
        let pending =
            std::future::poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context).is_pending())).await;
        assert!(pending, "the queue is still full");
        work.send(()).unwrap();
        assert_eq!(waiting.await, Ok(Some(())));
    }
}
