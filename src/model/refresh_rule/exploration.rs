//! Every way that three programs of a device, a lossy network and a thief can go within eight steps.
//!
//! The programs share one stored token, as the programs of a command line do. A step takes a second, or a minute while
//! nothing is under way.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Presented, Stored, Verdict, judge};

const STEPS: usize = 8;
const WINDOW: TimeDelta = TimeDelta::seconds(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Racer {
    Idle,
    /// Its request has arrived with this generation.
    Asking {
        presented: i64,
        arrived_at: i64,
    },
    /// The answer with this generation is on its way.
    Answered {
        generation: i64,
    },
}

/// An exchange whose caller was answered 503, and that may be committed all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Uncertain {
    presented: i64,
    at: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Thief {
    Absent,
    Waiting,
    Holding(i64),
}

/// The row, the stored token, and all that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct World {
    now: i64,
    generation: i64,
    exchanged_at: i64,
    unanswered: bool,
    foreign_repeats: i16,
    revoked: bool,
    /// The newest generation that was sent to anyone.
    issued: i64,
    /// The token that the programs share.
    kept: i64,
    racers: [Racer; 3],
    uncertain: Option<Uncertain>,
    /// The generations that a server knows to be lost, as bits.
    lost: u32,
    /// An answer was lost, and no server knows.
    lost_silently: bool,
    thief: Thief,
}

#[derive(Clone, Copy)]
struct Setting {
    proven: bool,
    thief: Thief,
}

fn time(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
}

impl World {
    fn begin(thief: Thief) -> Self {
        Self {
            now: 1_000,
            generation: 1,
            exchanged_at: 0,
            unanswered: false,
            foreign_repeats: 0,
            revoked: false,
            issued: 1,
            kept: 1,
            racers: [Racer::Idle; 3],
            uncertain: None,
            lost: 0,
            lost_silently: false,
            thief,
        }
    }

    fn stored(&self) -> Stored {
        Stored {
            generation: self.generation,
            exchanged_at: time(self.exchanged_at),
            unanswered: self.unanswered,
            foreign_repeats: self.foreign_repeats,
            foreign_repeats_since: (self.foreign_repeats > 0).then(|| time(0)),
        }
    }

    /// Judges a request and does what the verdict says. Returns the generation that the caller gets.
    fn serve(&mut self, presented: i64, arrived_at: i64, setting: Setting, foreign: bool) -> Option<i64> {
        if self.revoked {
            return None;
        }
        let (stored, at) = (self.stored(), time(self.now));
        let proven = setting.proven && !foreign;
        let presentation =
            Presented { generation: presented, proven, foreign, arrived_at: time(arrived_at), at };
        match judge(&presentation, &stored, WINDOW) {
            Verdict::Exchange { restored } => {
                assert!(presented == self.generation && !restored, "{self:?} exchanged {presented}");
                self.exchange(presented, self.now);
            }
            Verdict::Repeat { .. } => {
                let overtaken = arrived_at < self.exchanged_at;
                let oldest = self.generation - if overtaken { 2 } else { 1 };
                assert!((oldest..self.generation).contains(&presented), "{self:?} repeated {presented}");
                let in_time = at - stored.exchanged_at <= WINDOW;
                assert!(proven || self.unanswered || in_time, "{self:?} repeated {presented}");
                self.foreign_repeats += i16::from(foreign);
                assert!(self.foreign_repeats <= 3);
            }
            Verdict::Theft => {
                self.revoked = true;
                return None;
            }
            Verdict::Unknown => return None,
        }
        self.issued = self.issued.max(presented + 1);
        Some(presented + 1)
    }

    fn exchange(&mut self, presented: i64, at: i64) {
        (self.generation, self.exchanged_at) = (presented + 1, at);
        (self.unanswered, self.lost_silently) = (false, false);
    }

    fn is_quiet(&self) -> bool {
        let idle = self.racers.iter().all(|racer| *racer == Racer::Idle);
        idle && self.uncertain.is_none() && self.lost == 0 && !self.lost_silently
    }

    /// What must be true at all times.
    fn check(&self, setting: Setting) {
        let exchangeable = (1..=self.issued).filter(|generation| {
            let presented = Presented {
                generation: *generation,
                proven: setting.proven,
                foreign: false,
                arrived_at: time(self.now),
                at: time(self.now),
            };
            matches!(judge(&presented, &self.stored(), WINDOW), Verdict::Exchange { .. })
        });
        assert!(exchangeable.count() <= 1, "{self:?}");
        if self.thief == Thief::Absent {
            assert!(!self.revoked, "a device died without a thief: {self:?}");
        }
    }

    /// Every world that one step leads to.
    fn steps(&self, setting: Setting) -> Vec<Self> {
        let mut next = Vec::new();
        let mut step = |change: &dyn Fn(&mut Self)| {
            let mut world = *self;
            world.now += 1;
            change(&mut world);
            world.racers.sort_unstable();
            next.push(world);
        };
        for (index, racer) in self.racers.iter().enumerate() {
            match *racer {
                Racer::Idle => step(&|world| {
                    world.racers[index] = Racer::Asking { presented: world.kept, arrived_at: world.now };
                }),
                Racer::Asking { presented, arrived_at } => {
                    step(&|world| {
                        let answer = world.serve(presented, arrived_at, setting, false);
                        world.racers[index] =
                            answer.map_or(Racer::Idle, |generation| Racer::Answered { generation });
                    });
                    // The caller is answered 503. Nothing was stored, or it will be.
                    step(&|world| world.lose(index, presented + 1));
                    if presented == self.generation && self.uncertain.is_none() {
                        step(&|world| {
                            world.uncertain = Some(Uncertain { presented, at: world.now });
                            world.lose(index, presented + 1);
                        });
                    }
                }
                Racer::Answered { generation } => {
                    step(&|world| {
                        world.kept = world.kept.max(generation);
                        world.racers[index] = Racer::Idle;
                    });
                    step(&|world| world.lose(index, generation));
                    // The server dies with what it knows.
                    step(&|world| {
                        world.racers[index] = Racer::Idle;
                        world.lost_silently = true;
                    });
                }
            }
        }
        if let Some(Uncertain { presented, at }) = self.uncertain {
            step(&|world| {
                world.uncertain = None;
                if world.generation == presented && !world.revoked {
                    world.exchange(presented, at);
                }
            });
            step(&|world| world.uncertain = None);
        }
        if self.lost != 0 && self.uncertain.is_none() {
            step(&|world| {
                world.unanswered |= world.lost & (1 << world.generation) != 0;
                world.lost = 0;
            });
        }
        if self.is_quiet() || setting.proven {
            step(&|world| world.now += 60);
        }
        match self.thief {
            Thief::Absent => {}
            Thief::Waiting => step(&|world| world.thief = Thief::Holding(world.kept)),
            Thief::Holding(presented) => step(&|world| {
                let got = world.serve(presented, world.now, setting, true);
                world.thief = Thief::Holding(got.unwrap_or(presented));
            }),
        }
        next
    }

    /// The caller does not get this generation, and the server knows.
    fn lose(&mut self, index: usize, generation: i64) {
        self.racers[index] = Racer::Idle;
        self.lost |= 1 << generation;
    }
}

/// Goes every way. Returns the number of worlds that were seen.
fn explore(setting: Setting) -> usize {
    let mut seen = HashSet::from([World::begin(setting.thief)]);
    let mut front = seen.clone();
    for _ in 0..STEPS {
        let mut reached = HashSet::new();
        for world in front {
            for next in world.steps(setting) {
                next.check(setting);
                if seen.insert(next) {
                    reached.insert(next);
                }
            }
        }
        front = reached;
    }
    seen.len()
}

#[test]
fn three_programs_without_a_thief_never_lose_their_device() {
    for proven in [false, true] {
        let seen = explore(Setting { proven, thief: Thief::Absent });
        assert!(seen > 5_000, "{seen}");
    }
}

#[test]
fn a_thief_never_makes_two_tokens_that_can_be_exchanged() {
    for proven in [false, true] {
        let seen = explore(Setting { proven, thief: Thief::Waiting });
        assert!(seen > 5_000, "{seen}");
    }
}
