//! Figures over time as pictures: one for each kind, in bars, all over the same time and each on a scale of its own.

use chrono::{DateTime, Utc};

use crate::model::activity::{Figures, Span};

/// The width of a picture, in its own units: sixty, forty-eight or thirty bars fill it.
pub(super) const WIDTH: u64 = 720;
/// Its height.
pub(super) const HEIGHT: u64 = 120;
/// What of the place of a bar is left free between it and the next.
const GAP: u64 = 2;
/// The least height of a bar, so that one in a thousand can be seen.
const LEAST: u64 = 3;

/// A kind of figure: its name, and what it is.
type Kind = (&'static str, fn(&Figures) -> u64);

/// Every kind, in the order of the pictures and of the columns of the table.
pub(super) const KINDS: [Kind; 6] = [
    ("Started", |figures| figures.starts),
    ("Approved", |figures| figures.approvals),
    ("Denied", |figures| figures.denials),
    ("Expired", |figures| figures.expiries),
    ("Polls", |figures| figures.polls),
    ("Early polls", |figures| figures.early_polls),
];

/// One picture.
#[derive(Debug)]
pub(super) struct Plot {
    /// What is in it.
    pub(super) name: &'static str,
    /// How many in all.
    pub(super) total: u64,
    /// How many in the fullest part: as high as the picture.
    pub(super) most: u64,
    /// When that was, if there was any.
    pub(super) peak: Option<DateTime<Utc>>,
    /// The bars that are not empty.
    pub(super) bars: Vec<Bar>,
}

/// A bar of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bar {
    pub(super) x: u64,
    pub(super) y: u64,
    pub(super) width: u64,
    pub(super) height: u64,
}

impl Plot {
    fn of((name, pick): Kind, parts: &[(DateTime<Utc>, Figures)]) -> Self {
        let counts: Vec<u64> = parts.iter().map(|(_, figures)| pick(figures)).collect();
        let most = counts.iter().copied().max().unwrap_or_default();
        let peak = counts.iter().position(|count| *count == most && most > 0).map(|nth| parts[nth].0);
        let place = WIDTH / (counts.len() as u64).max(1);
        let bar = |(nth, count): (usize, &u64)| {
            let height = (u128::from(*count) * u128::from(HEIGHT)).div_ceil(u128::from(most));
            let height = u64::try_from(height).unwrap_or(HEIGHT).max(LEAST);
            Bar { x: place * nth as u64, y: HEIGHT - height, width: place - GAP, height }
        };
        let bars = counts.iter().enumerate().filter(|(_, count)| **count > 0).map(bar).collect();
        Self { name, total: counts.iter().sum(), most, peak, bars }
    }
}

/// A number as it is read easily: `1,234,567`.
pub(super) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The pictures of all kinds.
pub(super) fn plots(parts: &[(DateTime<Utc>, Figures)]) -> Vec<Plot> {
    KINDS.into_iter().map(|kind| Plot::of(kind, parts)).collect()
}

/// A moment, as finely as the parts of the span are.
pub(super) fn moment(span: Span, at: DateTime<Utc>) -> String {
    let form = match span {
        Span::Hour => "%H:%M",
        Span::Day => "%-d %b, %H:%M",
        Span::Month => "%-d %b",
    };
    at.format(form).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(counts: &[u64]) -> Vec<(DateTime<Utc>, Figures)> {
        let at = |nth| DateTime::from_timestamp(1_800_000_000 + 60 * nth, 0).unwrap();
        let figures = |polls: &u64| Figures { polls: *polls, ..Figures::default() };
        (0_i64..).zip(counts).map(|(nth, polls)| (at(nth), figures(polls))).collect()
    }

    #[test]
    fn the_fullest_part_is_as_high_as_the_picture_and_the_least_can_be_seen() {
        let parts = parts(&[0, 1_000, 500, 1]);
        let plots = plots(&parts);
        let polls = plots.iter().find(|plot| plot.name == "Polls").unwrap();
        assert_eq!((polls.total, polls.most, polls.peak), (1_501, 1_000, Some(parts[1].0)));
        let bars: Vec<_> = polls.bars.iter().map(|bar| (bar.x, bar.y, bar.height)).collect();
        assert_eq!(bars, [(180, 0, HEIGHT), (360, HEIGHT / 2, HEIGHT / 2), (540, HEIGHT - LEAST, LEAST)]);
    }

    #[test]
    fn large_numbers_are_grouped() {
        for (count, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(count), text);
        }
    }

    #[test]
    fn bars_stay_in_the_picture_whatever_is_counted() {
        for counts in [vec![0; 60], vec![u64::MAX / 60; 60], (0..48).collect(), vec![1; 30]] {
            for plot in plots(&parts(&counts)) {
                assert!(plot.bars.iter().all(|bar| bar.x + bar.width + GAP <= WIDTH && bar.width > 0));
                assert!(plot.bars.iter().all(|bar| bar.y + bar.height == HEIGHT));
            }
        }
        assert_eq!(plots(&parts(&[0, 0]))[4].peak, None);
    }
}
