//! Step 5, the rule: what a poll is answered (RFC 8628 §3.5).

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::refresh;
use crate::model::client::Client;
use crate::model::client_authentication::CredentialPlace;
use crate::model::device_authorization::{Approval, DeviceAuthorization, FirstTokens, Phase, Polling};
use crate::model::ids::{ClientId, TenantId};
use crate::model::key_thumbprint::KeyThumbprint;
use crate::store::device_authorizations::memory::{CountedPoll, PendingSession, PollAnswer};

/// A code used again this soon after its redemption is a lost answer and no theft.
const REPLAY_TOLERANCE: TimeDelta = TimeDelta::seconds(20);
/// How long a device that proves itself may redeem again when the answer was lost.
pub(super) const REPEAT_WINDOW: TimeDelta = TimeDelta::seconds(60);
/// Polls so close together are a burst, of which one gets the tokens, and no lost answer: a device that has lost one
/// waits before it polls again (RFC 8628 §3.5).
const BURST: TimeDelta = TimeDelta::seconds(1);

#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    pub client: &'a Client,
    /// Where it showed what it authenticates with.
    pub place: CredentialPlace,
    /// The key it proved to hold (RFC 9449).
    pub dpop_key: Option<KeyThumbprint>,
}

impl Asker<'_> {
    /// Whether this is the client and, where a key is needed, the key that may poll.
    fn may_poll(&self, tenant: TenantId, client: &ClientId, key: Option<&KeyThumbprint>) -> bool {
        self.client.tenant_id == tenant
            && self.client.client_id == *client
            && key.is_none_or(|key| key.is(self.dpop_key))
    }
}

#[derive(Clone, Debug)]
pub enum Verdict {
    /// Nobody decided yet, or the device has yet to confirm what was approved.
    Pending,
    /// The same, and the device asks too often; from now on it must wait this many seconds.
    SlowDown {
        interval_seconds: u32,
    },
    Denied,
    Expired,
    /// Somebody said yes: hand out the tokens.
    Redeem(Approval),
    /// The code belongs to another client or key and is left unchanged.
    Foreign,
    /// The tokens were handed out a moment ago.
    JustRedeemed,
    /// The tokens were issued, nobody has used them, and the device seems not to have received them: issue them again.
    Repeat,
    /// The tokens were handed out long ago: somebody else holds the code.
    Replayed,
}

/// The rule. A poll that comes too early never hides a decision: `slow_down` is a kind of *pending*.
#[must_use]
pub fn answer(
    session: &DeviceAuthorization,
    polling: &Polling,
    first_tokens: Option<FirstTokens>,
    asker: Asker<'_>,
    now: DateTime<Utc>,
) -> Verdict {
    if !asker.may_poll(session.tenant_id, &session.client_id, session.dpop_key.as_ref()) {
        return Verdict::Foreign;
    }
    match session.phase(now) {
        Phase::Pending | Phase::Confirming if polling.is_early(now) => {
            Verdict::SlowDown { interval_seconds: polling.slowed_interval() }
        }
        Phase::Pending | Phase::Confirming => Verdict::Pending,
        Phase::Denied => Verdict::Denied,
        Phase::Expired => Verdict::Expired,
        Phase::Approved(approval) => Verdict::Redeem(approval.clone()),
        Phase::Consumed(consumption) => {
            let proven = refresh::is_proven(asker.client, session.dpop_key);
            again(first_tokens, proven, now - consumption.at)
        }
    }
}

/// The tokens were issued this long ago, and the code comes back.
fn again(first_tokens: Option<FirstTokens>, proven: bool, since: TimeDelta) -> Verdict {
    match first_tokens {
        Some(FirstTokens { unanswered: true }) => return Verdict::Repeat,
        Some(_) if proven && (BURST..=REPEAT_WINDOW).contains(&since) => return Verdict::Repeat,
        _ => {}
    }
    let tolerance = if proven { REPEAT_WINDOW } else { REPLAY_TOLERANCE };
    if since <= tolerance { Verdict::JustRedeemed } else { Verdict::Replayed }
}

/// What memory can say about a poll.
#[derive(Clone, Copy, Debug)]
pub(super) enum Known {
    Pending,
    SlowDown,
    Foreign,
}

impl Known {
    /// The answer to a poll that repeats another one.
    pub(super) const fn again(answer: PollAnswer) -> Self {
        match answer {
            PollAnswer::Pending => Self::Pending,
            PollAnswer::SlowDown => Self::SlowDown,
        }
    }
}

/// The same rule for a session that is remembered as pending. `None`: its time has passed, and the database must
/// say whether anybody decided in time.
pub(super) fn answer_remembered(
    session: &mut PendingSession,
    asker: Asker<'_>,
    now: DateTime<Utc>,
) -> Option<Known> {
    if !asker.may_poll(session.owner.tenant_id, &session.owner.client_id, session.dpop_key.as_deref()) {
        return Some(Known::Foreign);
    }
    if now >= session.expires_at {
        return None;
    }
    if let Some(repeated) = session.take_repeated(asker.place, now) {
        return Some(Known::again(repeated));
    }
    let early = session.polling.is_early(now) || session.marks.owes_slow_down;
    let answer = if early { PollAnswer::SlowDown } else { PollAnswer::Pending };
    session.record_poll(CountedPoll { place: asker.place, answer }, now);
    if !early {
        return Some(Known::Pending);
    }
    session.owner.tally.early_poll();
    session.polling.interval_seconds = session.polling.slowed_interval();
    session.marks.slowed = true;
    session.marks.owes_slow_down = false;
    Some(Known::SlowDown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::client::AuthMethod;
    use crate::model::device_authorization::{Authentication, Consumption, MAX_INTERVAL_SECONDS, State};
    use crate::model::ids::{DeviceAuthorizationId, UserId};
    use crate::model::scope::ScopeSet;
    use crate::model::tenant::DEFAULT_TENANT;
    use uuid::Uuid;

    fn at(milliseconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_800_000_000_000 + milliseconds).unwrap()
    }

    fn tv() -> ClientId {
        ClientId::parse("tv").unwrap()
    }

    fn public(client_id: &str) -> Client {
        Client::public(DEFAULT_TENANT, ClientId::parse(client_id).unwrap())
    }

    fn session(state: State) -> DeviceAuthorization {
        DeviceAuthorization {
            id: DeviceAuthorizationId(Uuid::nil()),
            tenant_id: DEFAULT_TENANT,
            client_id: tv(),
            dpop_key: None,
            expires_at: at(600_000),
            state,
        }
    }

    fn approval(milliseconds: i64) -> Approval {
        Approval {
            user_id: UserId(Uuid::nil()),
            scopes: ScopeSet::default(),
            at: at(milliseconds),
            authentication: Authentication { auth_time: at(0), amr: vec![] },
            trusted: false,
            lifetime_seconds: None,
        }
    }

    fn approved(milliseconds: i64) -> State {
        State::Approved(approval(milliseconds))
    }

    fn consumed() -> State {
        State::Consumed(Consumption { approval: approval(0), at: at(0) })
    }

    fn polled(interval_seconds: u32, last: Option<i64>) -> Polling {
        Polling { interval_seconds, last_polled_at: last.map(at) }
    }

    fn said(state: State, polling: Polling, now: i64) -> String {
        said_to(
            Asker { client: &public("tv"), place: CredentialPlace::Body, dpop_key: None },
            &session(state),
            polling,
            now,
        )
    }

    fn said_to(asker: Asker<'_>, session: &DeviceAuthorization, polling: Polling, now: i64) -> String {
        said_again(asker, session, polling, None, now)
    }

    fn said_again(
        asker: Asker<'_>,
        session: &DeviceAuthorization,
        polling: Polling,
        first_tokens: Option<FirstTokens>,
        now: i64,
    ) -> String {
        match answer(session, &polling, first_tokens, asker, at(now)) {
            Verdict::SlowDown { interval_seconds } => format!("slow_down {interval_seconds}"),
            Verdict::Redeem(_) => "redeem".to_owned(),
            other => format!("{other:?}").to_lowercase(),
        }
    }

    #[test]
    fn the_first_poll_is_never_too_early() {
        assert_eq!(said(State::Pending, polled(5, None), 0), "pending");
    }

    #[test]
    fn a_client_that_waits_exactly_is_never_slowed_by_jitter() {
        let jitter = [0, 300, -300, 150, -299].into_iter().cycle();
        let mut arrivals = (0..120).zip(jitter).map(|(n, jitter)| n * 5_000 + jitter);
        let mut last = arrivals.next().unwrap();
        for arrival in arrivals {
            assert_eq!(said(State::Pending, polled(5, Some(last)), arrival), "pending", "{last} {arrival}");
            last = arrival;
        }
    }

    #[test]
    fn an_early_poll_adds_five_seconds_up_to_a_minute() {
        assert_eq!(said(State::Pending, polled(5, Some(0)), 3_999), "slow_down 10");
        assert_eq!(said(State::Pending, polled(5, Some(0)), 4_000), "pending");
        assert_eq!(said(State::Pending, polled(10, Some(0)), 5_000), "slow_down 15");
        let mut polling = polled(5, Some(0));
        for _ in 0..100 {
            polling.interval_seconds = polling.slowed_interval();
        }
        assert_eq!(polling.interval_seconds, MAX_INTERVAL_SECONDS);
    }

    #[test]
    fn a_clock_set_back_is_not_the_devices_fault() {
        assert_eq!(said(State::Pending, polled(5, Some(100_000)), 0), "pending");
    }

    #[test]
    fn an_early_poll_never_hides_a_decision() {
        let early = polled(5, Some(999));
        assert_eq!(said(approved(500), early, 1_000), "redeem");
        assert_eq!(said(State::Denied, early, 1_000), "denied");
        assert_eq!(said(State::Pending, polled(5, Some(599_999)), 600_000), "expired");
    }

    #[test]
    fn a_late_approval_can_be_collected_for_a_minute() {
        assert_eq!(said(approved(599_000), polled(5, None), 658_999), "redeem");
        assert_eq!(said(approved(599_000), polled(5, None), 659_000), "expired");
        assert_eq!(said(approved(1_000), polled(5, None), 599_999), "redeem");
        assert_eq!(said(approved(1_000), polled(5, None), 600_000), "expired");
    }

    #[test]
    fn a_denial_outlives_the_code() {
        assert_eq!(said(State::Denied, polled(5, None), 900_000), "denied");
    }

    #[test]
    fn a_used_code_is_a_lost_answer_for_twenty_seconds_and_a_theft_later() {
        assert_eq!(said(consumed(), polled(5, None), 0), "justredeemed");
        assert_eq!(said(consumed(), polled(5, None), 20_000), "justredeemed");
        assert_eq!(said(consumed(), polled(5, None), 20_001), "replayed");
    }

    const UNUSED: Option<FirstTokens> = Some(FirstTokens { unanswered: false });
    const UNANSWERED: Option<FirstTokens> = Some(FirstTokens { unanswered: true });

    fn with(client: &Client, dpop_key: Option<KeyThumbprint>) -> Asker<'_> {
        Asker { client, place: CredentialPlace::Body, dpop_key }
    }

    #[test]
    fn a_proven_caller_collects_again_within_a_minute_while_the_tokens_are_unused() {
        let signing = Client { auth_method: AuthMethod::PrivateKeyJwt, ..public("tv") };
        let (key, anybody) = (KeyThumbprint([1; 32]), public("tv"));
        for (asker, dpop_key) in [(with(&signing, None), None), (with(&anybody, Some(key)), Some(key))] {
            let session = DeviceAuthorization { dpop_key, ..session(consumed()) };
            let said = |tokens, now| said_again(asker, &session, polled(5, None), tokens, now);
            assert_eq!(said(UNUSED, 999), "justredeemed", "a burst");
            assert_eq!(said(UNUSED, 1_000), "repeat");
            assert_eq!(said(UNUSED, 60_000), "repeat");
            assert_eq!(said(UNUSED, 60_001), "replayed");
            assert_eq!(said(None, 60_000), "justredeemed", "the tokens were used");
            assert_eq!(said(None, 60_001), "replayed");
        }
    }

    #[test]
    fn a_shared_secret_or_an_unasked_key_proves_nothing() {
        let (key, anybody) = (KeyThumbprint([1; 32]), public("tv"));
        let secret = Client { auth_method: AuthMethod::ClientSecretBasic, ..public("tv") };
        for asker in [with(&anybody, None), with(&secret, None), with(&anybody, Some(key))] {
            let said = |now| said_again(asker, &session(consumed()), polled(5, None), UNUSED, now);
            assert_eq!(said(5_000), "justredeemed");
            assert_eq!(said(20_000), "justredeemed");
            assert_eq!(said(20_001), "replayed");
        }
    }

    #[test]
    fn an_answer_that_is_known_to_be_lost_is_repeated_at_any_time() {
        let (anybody, other) = (public("tv"), public("other"));
        for now in [0, 999, 60_001, 86_400_000] {
            let said = |asker, tokens| said_again(asker, &session(consumed()), polled(5, None), tokens, now);
            assert_eq!(said(with(&anybody, None), UNANSWERED), "repeat", "{now}");
            assert_eq!(said(with(&other, None), UNANSWERED), "foreign", "{now}");
        }
    }

    #[test]
    fn another_client_or_key_learns_nothing() {
        let (other, own, key) = (public("other"), public("tv"), KeyThumbprint([1; 32]));
        for state in [State::Pending, State::Denied, approved(0), consumed()] {
            let session = session(state);
            let foreign = Asker { client: &other, place: CredentialPlace::Body, dpop_key: None };
            assert_eq!(said_to(foreign, &session, polled(5, None), 700_000), "foreign");
            let bound = DeviceAuthorization { dpop_key: Some(key), ..session };
            for dpop_key in [None, Some(KeyThumbprint([2; 32]))] {
                let asker = Asker { client: &own, place: CredentialPlace::Body, dpop_key };
                assert_eq!(said_to(asker, &bound, polled(5, None), 700_000), "foreign");
            }
        }
    }
}
