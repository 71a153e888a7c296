//! A code that somebody else started, and a link to it: what the default policy makes of it.

use super::*;

const WARNING: &str = "risk-other-country";

#[tokio::test]
async fn a_link_from_another_country_needs_a_new_sign_in_and_the_code_typed() {
    let (server, _folder) = server().await;
    let (tv, ada) = (server.tv().await, server.ada().await.forwarded_for(BERLIN));
    ada.sign_in().await;
    server.clock.advance(60.0);
    let started = start_from(&tv, PARIS).await;

    let consent = open_by_link(&ada, &started).await;
    assert!(consent.shows(WARNING) && consent.shows("risk-sign-in-to-approve"), "{consent:?}");
    let sign_in = ada.decide(&consent, "approve").await;
    let consent = sign_in_on(&ada, &sign_in).await;
    assert!(consent.shows("risk-retype"), "{consent:?}");

    let untyped = ada.decide(&consent, "approve").await;
    assert_eq!(untyped.status, 400, "{untyped:?}");
    tv.poll(&started).await.must_be_error("authorization_pending");
    let page = approve_typing(&ada, &consent, &started.user_code).await;
    assert!(page.says("Your device is connected"), "{page:?}");
    let risk = &told(&server, "device_authorization.approved").await["risk"];
    assert_eq!(risk["verdict"], "reauthenticate");
    assert_eq!(risk["reasons"][0]["reason"], "other_country");
    assert_eq!(risk["facts"]["arrival"], "link");
    assert_eq!(risk["facts"]["same_country"], false);
}

#[tokio::test]
async fn a_wrong_code_in_its_place_counts_as_a_guess() {
    let (server, _folder) = server().await;
    let (tv, ada) = (server.tv().await, server.ada().await.forwarded_for(BERLIN));
    let started = start_from(&tv, PARIS).await;
    let consent = open_by_link(&ada, &started).await;
    for _ in 0..5 {
        let page = approve_typing(&ada, &consent, "BBBB-BBBB").await;
        assert_eq!(page.status, 400, "{page:?}");
        assert!(page.shows("risk-error-wrong-code") && page.says("<title>Error: "), "{page:?}");
        assert_eq!(page.html.matches("role=\"alert\"").count(), 1, "nothing else was wrong: {page:?}");
    }
    assert_eq!(approve_typing(&ada, &consent, "BBBB-BBBB").await.status, 429);
    assert_eq!(approve_typing(&ada, &consent, &started.user_code).await.status, 429);
    assert_eq!(server.audited("user_code.entered", "refused").await, 5);
    tv.poll(&started).await.must_be_error("authorization_pending");
}

#[tokio::test]
async fn opening_a_linked_code_once_more_by_typing_it_does_not_make_it_a_typed_one() {
    let (server, _folder) = server().await;
    let (tv, ada) = (server.tv().await, server.ada().await.forwarded_for(BERLIN));
    let started = start_from(&tv, PARIS).await;
    open_by_link(&ada, &started).await;
    let consent = ada.open(&started.user_code).await;
    assert!(consent.shows("risk-retype"), "{consent:?}");
}

#[tokio::test]
async fn a_code_that_was_typed_is_warned_about_and_no_more() {
    let (server, _folder) = server().await;
    let (tv, ada) = (server.tv().await, server.ada().await.forwarded_for(BERLIN));
    let started = start_from(&tv, PARIS).await;
    let consent = ada.open(&started.user_code).await;
    assert!(consent.shows(WARNING) && !consent.shows("risk-retype"), "{consent:?}");
    assert!(ada.decide(&consent, "approve").await.says("Your device is connected"));
    tv.poll(&started).await.must_be_tokens();
}

#[tokio::test]
async fn a_link_from_a_data_centre_needs_the_code_typed() {
    let (server, _folder) = server().await;
    let (tv, ada) = (server.tv().await, server.ada().await.forwarded_for(BERLIN));
    let started = start_from(&tv, HOSTED).await;
    let consent = open_by_link(&ada, &started).await;
    assert!(consent.shows("risk-hosting-provider") && consent.shows("risk-retype"), "{consent:?}");
    approve_typing(&ada, &consent, &started.user_code).await;
    tv.poll(&started).await.must_be_tokens();
}

#[tokio::test]
async fn who_stands_next_to_the_device_or_in_the_same_country_sees_nothing_new() {
    let (server, _folder) = server().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    for address in [BERLIN, BERLIN_NEIGHBOUR, POTSDAM] {
        let ada = ada.forwarded_for(BERLIN);
        let started = start_from(&tv, address).await;
        let consent = open_by_link(&ada, &started).await;
        assert!(!consent.says("risk-heading") && !consent.says("retyped-code"), "{address} {consent:?}");
        assert!(ada.decide(&consent, "approve").await.says("Your device is connected"), "{address}");
        tv.poll(&started).await.must_be_tokens();
        assert_eq!(told(&server, "device_authorization.approved").await["risk"]["verdict"], "allow");
    }
}

#[tokio::test]
async fn the_approval_is_judged_where_it_is_sent_from_and_not_by_what_the_page_showed() {
    let (server, _folder) = server().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let near = ada.forwarded_for(PARIS);
    let consent = open_by_link(&near, &start_from(&tv, PARIS).await).await;
    assert!(!consent.shows(WARNING), "{consent:?}");
    // The same browser, which has moved.
    let form = consent.form("/device/consent");
    let mut fields: Vec<(&str, &str)> = form.iter().map(|(name, value)| (&**name, &**value)).collect();
    fields.push(("decision", "approve"));
    let request = near.browser().post(format!("{}/device/consent", server.base));
    let moved =
        Page::read(request.header("x-forwarded-for", BERLIN).form(&fields).send().await.expect("an answer"))
            .await;
    assert!(moved.shows("risk-retype"), "{moved:?}");
}

#[tokio::test]
async fn report_only_decides_as_before_and_writes_down_what_it_would_have_done() {
    let (server, _folder) = server().await;
    let (tv, ada) = (server.tv().await, server.ada().await.forwarded_for(BERLIN));
    set_policy(&server, "tv", serde_json::json!({"approval": {"mode": "report_only"}})).await;
    let started = start_from(&tv, PARIS).await;
    let consent = open_by_link(&ada, &started).await;
    assert!(!consent.shows(WARNING), "{consent:?}");
    assert!(ada.decide(&consent, "approve").await.says("Your device is connected"));
    tv.poll(&started).await.must_be_tokens();
    let risk = &told(&server, "device_authorization.approved").await["risk"];
    assert_eq!((&risk["verdict"], &risk["mode"]), (&"allow".into(), &"report_only".into()));
    assert_eq!(risk["reasons"][0]["verdict"], "reauthenticate");
}
