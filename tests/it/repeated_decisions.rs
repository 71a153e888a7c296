//! Whichever connection breaks at whichever statement of a decision: a decision that was answered 503 gets, when it is sent
//! again, what it would have got, and counts once.

use serde_json::json;

use crate::support::{Break, Device, Page, Person, Started, TestServer, Wire};

/// More than any decision has.
const MOST_TRIPS: u64 = 40;

/// Decides with the connection cut at each of its round trips in turn, before the statement and after it. `decide` returns
/// the status; a decision that fails, fails with 503 and is sent again. `settled` looks at what became of the code.
async fn at_every_round_trip(
    (wire, tv, ada): (&Wire, &Device, &Person),
    mut decide: impl AsyncFnMut(&Started, &Page) -> u16,
    mut settled: impl AsyncFnMut(&Started),
) -> u64 {
    let (mut failures, mut decisions) = (0, 0);
    for where_at in [Break::Before, Break::After] {
        for nth in 1..=MOST_TRIPS {
            let started = tv.start("openid").await;
            let consent = ada.open(&started.user_code).await;
            wire.cut(nth, where_at);
            let status = decide(&started, &consent).await;
            let went_through = wire.mend();
            decisions += 1;
            if status != 200 {
                assert_eq!(status, 503, "cut {where_at:?} trip {nth}");
                failures += 1;
                assert_eq!(decide(&started, &consent).await, 200, "sent again, cut {where_at:?} trip {nth}");
            }
            settled(&started).await;
            if went_through {
                break;
            }
            assert!(nth < MOST_TRIPS, "it never ends");
        }
    }
    assert!(failures > 1, "it failed {failures} times only");
    decisions
}

#[tokio::test]
async fn an_approval_on_the_page_that_was_answered_503_is_done_when_it_is_sent_again() {
    let (wire, server) = TestServer::on_a_wire(|config| config.rate_limits.enabled = false).await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    ada.sign_in().await;
    let decide = async |_: &Started, consent: &Page| {
        let page = ada.decide(consent, "approve").await;
        assert!(page.status != 200 || page.says("Your device is connected"), "{page:?}");
        page.status.as_u16()
    };
    let settled = async |started: &Started| {
        server.hear_all().await;
        tv.poll(started).await.must_be_tokens();
    };
    let decisions = at_every_round_trip((&wire, &tv, &ada), decide, settled).await;
    assert_eq!(server.audited("device_authorization.approved", "success").await, decisions.cast_signed());
}

#[tokio::test]
async fn a_decline_on_the_page_that_was_answered_503_is_done_when_it_is_sent_again() {
    let (wire, server) = TestServer::on_a_wire(|config| config.rate_limits.enabled = false).await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    ada.sign_in().await;
    let decide = async |_: &Started, consent: &Page| ada.decide(consent, "deny").await.status.as_u16();
    let settled = async |started: &Started| {
        server.hear_all().await;
        tv.poll(started).await.must_be_error("access_denied");
    };
    let decisions = at_every_round_trip((&wire, &tv, &ada), decide, settled).await;
    assert_eq!(server.audited("device_authorization.denied", "success").await, decisions.cast_signed());
}

#[tokio::test]
async fn a_report_that_was_answered_503_is_done_when_it_is_sent_again() {
    let (wire, server) = TestServer::on_a_wire(|config| config.rate_limits.enabled = false).await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    ada.sign_in().await;
    let decide =
        async |_: &Started, consent: &Page| ada.submit(consent, "/device/report", &[]).await.status.as_u16();
    let settled = async |started: &Started| {
        server.hear_all().await;
        tv.poll(started).await.must_be_error("access_denied");
    };
    at_every_round_trip((&wire, &tv, &ada), decide, settled).await;
}

#[tokio::test]
async fn a_decision_by_name_that_was_answered_503_is_done_when_it_is_sent_again() {
    let (wire, server) = TestServer::on_a_wire(|config| config.rate_limits.enabled = false).await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let front_end = server.front_end(&ada).await;
    for (decision, status, error) in
        [("approve", "approved", None), ("deny", "denied", Some("access_denied"))]
    {
        for where_at in [Break::Before, Break::After] {
            for nth in 1..=MOST_TRIPS {
                let started = tv.start("openid").await;
                wire.cut(nth, where_at);
                let mut answer = front_end.decide(&started.user_code, decision, json!({})).await;
                let went_through = wire.mend();
                if answer.status == 503 {
                    answer = front_end.decide(&started.user_code, decision, json!({})).await;
                }
                answer.must_be_decided(status);
                server.hear_all().await;
                match error {
                    None => tv.poll(&started).await.must_be_tokens(),
                    Some(error) => tv.poll(&started).await.must_be_error(error),
                };
                if went_through {
                    break;
                }
                assert!(nth < MOST_TRIPS, "it never ends");
            }
        }
    }
}

#[tokio::test]
async fn the_same_decision_sent_several_times_at_once_is_answered_each_time_and_counts_once() {
    let server = TestServer::with(|config| config.rate_limits.enabled = false).await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let front_end = server.front_end(&ada).await;
    let before = server.audited("device_authorization.approved", "success").await;
    for _ in 0..8 {
        let started = tv.start("openid").await;
        let decide = || front_end.decide(&started.user_code, "approve", json!({}));
        let (one, two, three) = tokio::join!(decide(), decide(), decide());
        for mut answer in [one, two, three] {
            // Each of them opens the code, too, and may find it changed by the others too often.
            if answer.status == 503 {
                answer = decide().await;
            }
            answer.must_be_decided("approved");
        }
        let started = tv.start("openid").await;
        let consent = ada.open(&started.user_code).await;
        let (one, two) = tokio::join!(ada.decide(&consent, "approve"), ada.decide(&consent, "approve"));
        for page in [one, two] {
            assert!(page.says("Your device is connected"), "{page:?}");
        }
    }
    assert_eq!(server.audited("device_authorization.approved", "success").await - before, 16);
}
