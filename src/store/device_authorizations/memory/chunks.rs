//! A list that grows and shrinks in small steps. One that doubles would stand half empty: at a million sessions, a
//! hundred megabytes of nothing.

use std::ops::{Index, IndexMut};

const CHUNK: usize = 64;

/// The list. All chunks are full but the last.
#[derive(Debug)]
pub(super) struct Chunks<T>(Vec<Vec<T>>);

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Chunks<T> {
    pub(super) fn len(&self) -> usize {
        self.0.last().map_or(0, |last| (self.0.len() - 1) * CHUNK + last.len())
    }

    pub(super) fn push(&mut self, value: T) {
        match self.0.last_mut() {
            Some(last) if last.len() < CHUNK => last.push(value),
            _ => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(value);
                self.0.push(chunk);
            }
        }
    }

    /// Takes an element out, which must be there; the last one takes its place.
    pub(super) fn swap_remove(&mut self, at: usize) -> Option<T> {
        let last = self.0.last_mut()?.pop()?;
        if self.0.last().is_some_and(Vec::is_empty) {
            self.0.pop();
        }
        if at == self.len() { Some(last) } else { Some(std::mem::replace(&mut self[at], last)) }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().flatten()
    }
}

impl<T> Index<usize> for Chunks<T> {
    type Output = T;

    fn index(&self, at: usize) -> &T {
        &self.0[at / CHUNK][at % CHUNK]
    }
}

impl<T> IndexMut<usize> for Chunks<T> {
    fn index_mut(&mut self, at: usize) -> &mut T {
        &mut self.0[at / CHUNK][at % CHUNK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_takes_the_place_of_one_that_is_taken_out() {
        let mut list = Chunks::default();
        (0..200).for_each(|number| list.push(number));
        assert_eq!((list.swap_remove(3), list[3]), (Some(3), 199));
        assert_eq!((list.swap_remove(198), list.len()), (Some(198), 198));
        let mut rest: Vec<u32> = list.iter().copied().collect();
        rest.sort_unstable();
        assert_eq!(rest, (0..200).filter(|number| ![3, 198].contains(number)).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_taken_out_gives_its_room_back() {
        let mut list = Chunks::default();
        (0..1_000).for_each(|number| list.push(number));
        assert_eq!(list.0.len(), 1_000_usize.div_ceil(CHUNK));
        for left in (0..1_000_usize).rev() {
            assert!(list.swap_remove(0).is_some());
            assert_eq!((list.len(), list.0.len()), (left, left.div_ceil(CHUNK)));
        }
    }
}
