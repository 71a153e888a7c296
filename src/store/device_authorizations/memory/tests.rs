//! What the memory promises, one promise a test.

use chrono::TimeDelta;
use uuid::Uuid;

use super::*;
use crate::model::client_authentication::CredentialPlace;
use crate::model::device_authorization::Polling;
use crate::model::ids::ClientId;
use crate::model::tenant::DEFAULT_TENANT;

const POLL: CountedPoll = CountedPoll { place: CredentialPlace::Body, answer: PollAnswer::Pending };

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

/// As uniform as random identifiers are.
fn id(number: u32) -> DeviceAuthorizationId {
    let number = u64::from(number);
    DeviceAuthorizationId(Uuid::from_u64_pair(number, number.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

fn session(number: u32) -> PendingSession {
    let owner =
        Owner { tenant_id: DEFAULT_TENANT, client_id: ClientId::parse("tv").unwrap(), tally: Arc::default() };
    PendingSession::new(
        id(number),
        Arc::new(owner),
        now() + TimeDelta::minutes(10),
        Polling { interval_seconds: 5, last_polled_at: None },
    )
}

fn trusted(capacity: usize) -> SessionMemory {
    let memory = SessionMemory::new(capacity);
    memory.trust();
    memory
}

fn knows(memory: &SessionMemory, number: u32) -> bool {
    memory.with(&id(number), |_| ()).is_some()
}

#[test]
fn a_row_read_before_a_decision_is_not_remembered_after_its_announcement() {
    let memory = trusted(1_000);
    let ticket = memory.ticket(&id(1));
    memory.decided(&id(1));
    assert_eq!(memory.remember_read(session(1), ticket, now()), Remembered::No);
    assert!(!knows(&memory, 1));
    let ticket = memory.ticket(&id(1));
    assert_eq!(memory.remember_read(session(1), ticket, now()), Remembered::Yes);
    assert!(knows(&memory, 1));
}

#[test]
fn a_decided_session_is_not_answered_from_memory() {
    let memory = trusted(1_000);
    memory.remember_new(session(1), now());
    memory.decided(&id(1));
    assert!(!knows(&memory, 1));
    assert!(memory.with_untrusted(&id(1), |_| ()).is_none());
}

#[test]
fn what_was_remembered_before_a_deafness_is_not_trusted_after_it() {
    let memory = trusted(1_000);
    memory.remember_new(session(1), now());
    memory.distrust();
    assert!(!knows(&memory, 1));
    assert!(memory.with_untrusted(&id(1), |_| ()).is_some());
    memory.trust();
    assert!(!knows(&memory, 1));
    let ticket = memory.ticket(&id(1));
    memory.remember_read(session(1), ticket, now());
    assert!(knows(&memory, 1));
}

#[test]
fn a_row_read_during_a_deafness_is_not_trusted_after_it() {
    let memory = trusted(1_000);
    let ticket = memory.ticket(&id(1));
    memory.distrust();
    memory.trust();
    memory.remember_read(session(1), ticket, now());
    assert!(!knows(&memory, 1));
}

#[test]
fn memory_is_bounded() {
    let memory = trusted(960);
    let kept = (0..5_000).filter(|n| memory.remember_new(session(*n), now()) == Remembered::Yes).count();
    assert_eq!(kept, memory.len());
    assert!(kept <= 960, "{kept}");
}

#[test]
fn expired_sessions_go_a_few_at_a_time() {
    let memory = trusted(100_000);
    for number in 0..50_000 {
        memory.remember_new(session(number), now());
    }
    let after = now() + TimeDelta::minutes(11);
    let mut before = memory.len();
    let mut rounds = 0;
    while !memory.is_empty() {
        let looked_at = memory.take_due(after, 960).looked_at;
        assert!((1..=960).contains(&looked_at), "{looked_at}");
        assert_eq!(before - memory.len(), looked_at);
        before = memory.len();
        rounds += 1;
    }
    assert!(rounds >= 52, "{rounds}");
}

#[test]
fn a_session_that_goes_takes_no_other_along() {
    let memory = trusted(10_000);
    for number in 0..5_000 {
        let expires_at = now() + TimeDelta::minutes(if number % 3 == 0 { 5 } else { 10 });
        memory.remember_new(PendingSession { expires_at, ..session(number) }, now());
    }
    let _ = memory.take_due(now() + TimeDelta::minutes(6), 1_000_000);
    let known = (0..5_000).filter(|number| knows(&memory, *number));
    assert_eq!(known.collect::<Vec<_>>(), (0..5_000).filter(|number| number % 3 != 0).collect::<Vec<_>>());
}

#[test]
fn each_session_is_read_anew_every_half_minute() {
    let memory = trusted(1_000);
    memory.remember_new(session(1), now());
    let due_after = |seconds| memory.take_due(now() + TimeDelta::seconds(seconds), 9_600).to_read.len();
    assert_eq!([29, 30, 59, 60].map(due_after), [0, 1, 0, 1]);
}

#[test]
fn what_is_not_trusted_is_forgotten_in_time_but_not_read_anew() {
    let memory = SessionMemory::new(1_000);
    memory.remember_new(session(1), now());
    let due = memory.take_due(now() + TimeDelta::seconds(30), 9_600);
    assert_eq!((due.looked_at, due.to_read.len()), (1, 0));
    let due = memory.take_due(now() + TimeDelta::minutes(10), 9_600);
    assert_eq!((due.looked_at, due.to_read.len()), (1, 0));
    assert!(memory.is_empty());
}

#[test]
fn polls_are_written_once_and_put_back_when_they_could_not_be() {
    let memory = trusted(1_000);
    memory.remember_new(session(1), now());
    for second in [0, 5] {
        memory.with(&id(1), |session| session.record_poll(POLL, now() + TimeDelta::seconds(second)));
    }
    let taken = memory.take_unwritten(9_600);
    assert_eq!(taken.iter().map(|unwritten| unwritten.polls).collect::<Vec<_>>(), [2]);
    assert_eq!(taken[0].last_polled_at, now() + TimeDelta::seconds(5));
    assert!(memory.take_unwritten(9_600).is_empty());
    memory.put_back(&taken);
    assert_eq!(memory.take_unwritten(9_600)[0].polls, 2);
}

/// A poll that is told to slow down, so many milliseconds after the start.
fn early_poll(memory: &SessionMemory, milliseconds: i64) {
    let early = CountedPoll { answer: PollAnswer::SlowDown, ..POLL };
    memory.with(&id(1), |session| {
        session.record_poll(early, now() + TimeDelta::milliseconds(milliseconds));
        session.polling.interval_seconds = session.polling.slowed_interval();
        session.marks.slowed = true;
    });
}

#[test]
fn a_raised_interval_is_written_at_once_and_then_once_an_interval_however_fast_the_device_polls() {
    let memory = trusted(1_000);
    memory.remember_new(session(1), now());
    let mut written = Vec::new();
    for milliseconds in (0..120_000).step_by(100) {
        early_poll(&memory, milliseconds);
        written.extend(
            memory.take_unwritten(96).iter().map(|polls| (milliseconds, polls.interval_seconds, polls.polls)),
        );
    }
    assert_eq!(written, [(0, 10, 1), (10_000, 60, 100), (70_000, 60, 600)]);
}

#[test]
fn a_timely_poll_is_written_at_once_with_the_early_ones_before_it() {
    let memory = trusted(1_000);
    memory.remember_new(session(1), now());
    early_poll(&memory, 0);
    assert_eq!(memory.take_unwritten(96).len(), 1);
    early_poll(&memory, 100);
    assert!(memory.take_unwritten(96).is_empty());
    memory.with(&id(1), |session| session.record_poll(POLL, now() + TimeDelta::seconds(9)));
    let taken = memory.take_unwritten(96);
    assert_eq!((taken[0].polls, taken[0].interval_seconds, taken[0].slowed), (2, 15, true));
}

#[test]
fn early_polls_of_a_device_that_goes_away_are_written_all_the_same() {
    for at_a_stop in [false, true] {
        let memory = trusted(1_000);
        memory.remember_new(session(1), now());
        early_poll(&memory, 0);
        assert_eq!(memory.take_unwritten(96).len(), 1);
        early_poll(&memory, 100);
        assert!(memory.take_unwritten(96).is_empty());
        if at_a_stop {
            memory.line_up_all();
        } else {
            let _ = memory.take_due(now() + TimeDelta::seconds(30), 96);
        }
        let taken = memory.take_unwritten(96);
        assert_eq!((taken[0].polls, taken[0].interval_seconds), (1, 15));
    }
}

#[test]
fn a_session_takes_about_a_hundred_bytes() {
    assert!(size_of::<PendingSession>() <= 112, "{}", size_of::<PendingSession>());
}

#[test]
fn every_session_has_its_turn_to_be_written_however_few_are_at_once() {
    let memory = trusted(10_000);
    for number in 0..500 {
        memory.remember_new(session(number), now());
    }
    let mut written = std::collections::HashSet::new();
    for _ in 0..200 {
        // All devices poll again before the next few are written.
        for number in 0..500 {
            memory.with(&id(number), |session| session.record_poll(POLL, now()));
        }
        written.extend(memory.take_unwritten(10).into_iter().map(|polls| polls.id.0));
    }
    assert_eq!(written.len(), 500);
}
