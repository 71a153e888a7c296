//! The slots in which passwords are hashed: a bounded number at a time, and a bounded number that wait. A slot is taken
//! until the work ends, even if the browser disconnects, and the memory of a hash belongs to its slot: all passwords
//! together never take more memory than the slots.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use argon2::Block;
use tokio::sync::Semaphore;

/// The memory of one hash, in KiB, which is also its number of [`Block`]s.
pub const MEMORY_KIB: u32 = 19 * 1024;

/// Every slot is taken, and the queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are waiting to be hashed")]
pub struct BusyError;

#[derive(Debug)]
pub struct HashingPlaces {
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
    memory: Arc<FreeMemory>,
}

impl HashingPlaces {
    /// Slots for `concurrent` hashes at a time, and a queue for `queued`. A slot gets its memory when it is first used.
    #[must_use]
    pub fn new(concurrent: usize, queued: usize) -> Self {
        Self {
            running: Arc::new(Semaphore::new(concurrent)),
            admitted: Arc::new(Semaphore::new(concurrent.saturating_add(queued).min(Semaphore::MAX_PERMITS))),
            memory: Arc::default(),
        }
    }

    /// Does the work in a slot, with the memory of that slot, whose content is undefined. Returns `None` if the work
    /// panicked.
    ///
    /// # Errors
    /// The queue is full.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut [Block]) -> T + Send + 'static,
    ) -> Result<Option<T>, BusyError> {
        let admission = Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| BusyError)?;
        let place = Arc::clone(&self.running).acquire_owned().await.map_err(|_| BusyError)?;
        let free = Arc::clone(&self.memory);
        let done = tokio::task::spawn_blocking(move || {
            let mut memory = free.take();
            let done = work(&mut memory);
            free.put_back(memory);
            drop((place, admission));
            done
        });
        Ok(done.await.ok())
    }
}

/// The memory of the slots that are not in use. Whoever holds a permit takes one piece and puts it back, so there are
/// never more pieces than permits. Work that panics loses its piece.
#[derive(Debug, Default)]
struct FreeMemory(Mutex<Vec<Vec<Block>>>);

impl FreeMemory {
    fn take(&self) -> Vec<Block> {
        let free = self.lock().pop();
        free.unwrap_or_else(|| vec![Block::new(); MEMORY_KIB as usize])
    }

    fn put_back(&self, memory: Vec<Block>) {
        self.lock().push(memory);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Vec<Block>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Barrier, mpsc};
    use std::task::Poll;

    use super::*;

    /// Begins work that ends when something is sent, and hangs up once it has been asked for.
    async fn begin_and_hang_up(places: &HashingPlaces) -> mpsc::Sender<()> {
        let (end, ended) = mpsc::channel::<()>();
        let mut work = Box::pin(places.run(move |_| ended.recv().is_ok()));
        let pending =
            std::future::poll_fn(|context| Poll::Ready(work.as_mut().poll(context).is_pending())).await;
        assert!(pending, "the work did not begin");
        end
    }

    #[tokio::test]
    async fn a_place_stays_taken_until_its_work_ends_also_after_a_hang_up() {
        let places = HashingPlaces::new(2, 0);
        let works = [begin_and_hang_up(&places).await, begin_and_hang_up(&places).await];
        assert_eq!(places.run(|_| ()).await, Err(BusyError));
        for work in works {
            work.send(()).unwrap();
        }
        // Both places come back, and come back once.
        let _all = places.running.acquire_many(2).await.unwrap();
        assert_eq!(places.running.available_permits(), 0);
    }

    #[tokio::test]
    async fn hashes_take_no_more_memory_than_the_slots() {
        let places = HashingPlaces::new(2, 0);
        let both = Arc::new(Barrier::new(2));
        let work = || {
            let both = Arc::clone(&both);
            places.run(move |_| both.wait().is_leader())
        };
        let (one, other) = tokio::join!(work(), work());
        assert!(one.unwrap().unwrap() != other.unwrap().unwrap());
        let free = || {
            let mut addresses: Vec<_> = places.memory.lock().iter().map(Vec::as_ptr).collect();
            addresses.sort_unstable();
            addresses
        };
        let allocated = free();
        assert_eq!(allocated.len(), 2);
        for _ in 0..5 {
            let used = places.run(|memory| memory.as_ptr().addr()).await.unwrap().unwrap();
            assert!(allocated.iter().any(|block| block.addr() == used));
        }
        assert_eq!(free(), allocated);
    }

    #[tokio::test]
    async fn a_place_comes_back_when_its_work_panics() {
        let places = HashingPlaces::new(1, 0);
        assert_eq!(places.run(|_| panic!("a fault of the work")).await, Ok(None::<()>));
        assert_eq!(places.run(|_| 7).await, Ok(Some(7)));
    }

    #[tokio::test]
    async fn no_more_passwords_wait_than_the_queue_holds() {
        let places = HashingPlaces::new(1, 1);
        let work = begin_and_hang_up(&places).await;
        let mut waiting = Box::pin(places.run(|_| 7));
        let pending =
            std::future::poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context).is_pending())).await;
        assert!(pending, "there was a place left");
        assert_eq!(places.run(|_| ()).await, Err(BusyError));
        work.send(()).unwrap();
        assert_eq!(waiting.await, Ok(Some(7)));
    }

    #[tokio::test]
    async fn a_waiting_password_leaves_the_queue_when_its_browser_hangs_up() {
        let places = HashingPlaces::new(1, 1);
        let work = begin_and_hang_up(&places).await;
        drop(begin_and_hang_up(&places).await);
        let mut waiting = Box::pin(places.run(|_| ()));
        let pending =
            std::future::poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context).is_pending())).await;
        assert!(pending, "the queue is still full");
        work.send(()).unwrap();
        assert_eq!(waiting.await, Ok(Some(())));
    }
}
