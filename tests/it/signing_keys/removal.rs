//! A key that somebody else may have is removed at once, everywhere, with all it signed.

use latchkey::domain::audit::By;
use latchkey::domain::signing_keys::forget_retired;
use latchkey::domain::signing_keys::remove::remove;
use latchkey::domain::signing_keys::rotate::TakeOver;
use latchkey::model::signing_key_life::KeyState;
use latchkey::model::tenant::DEFAULT_TENANT;

use super::{connect_at, es256, keys, kid, published, remove_key, rotate_es256, sealed, signing_kid};
use crate::support::{TestServer, jwt};

#[tokio::test]
async fn a_removed_key_is_gone_everywhere_and_another_signs() {
    let first = TestServer::start().await;
    let second = first.replica().await;
    let (tv, ada) = (first.tv().await, first.ada().await);
    let stolen = kid(&connect_at(&second, &tv, &ada).await);
    assert!(published(&second, &second.base).await.contains(&stolen));

    let now = remove_key(&first, &stolen).await.expect("the key is there");
    second.hear_all().await;
    assert_ne!(now, stolen);
    for server in [&first, &second] {
        let kids = published(server, &server.base).await;
        assert!(!kids.contains(&stolen) && kids.contains(&now), "{kids:?}");
        let tokens = connect_at(server, &tv, &ada).await;
        assert_eq!(kid(&tokens), now);
        jwt::verify(server, &server.base, &tokens.string("access_token")).await;
        assert!(!server.app.key_ring.kids().iter().any(|(_, kid)| *kid == stolen));
    }
    let [removed] = es256(&first, KeyState::Removed).await.try_into().expect("one key is removed");
    assert_eq!((removed.kid.as_str(), removed.removed_at), (stolen.as_str(), Some(first.clock.now())));
    assert!(!sealed(&first).await.contains(&stolen));
    assert_eq!(first.audited("signing_key.removed", "success").await, 1);
}

#[tokio::test]
async fn the_announced_key_takes_over_from_a_removed_one() {
    let server = TestServer::start().await;
    let old = signing_kid(&server).await;
    let announced = rotate_es256(&server, TakeOver::WhenKnown).await.kid;
    assert_eq!(remove_key(&server, &old).await, Some(announced.clone()));
    assert_eq!(signing_kid(&server).await, announced);
    assert_eq!(server.audited("signing_key.activated", "success").await, 1);
    // That one is not to be trusted either.
    let fresh = remove_key(&server, &announced).await.expect("the key is there");
    assert!(![old, announced].contains(&fresh));
    assert_eq!(signing_kid(&server).await, fresh);
}

#[tokio::test]
async fn an_announced_or_retired_key_is_removed_without_a_change_of_who_signs() {
    let server = TestServer::start().await;
    let old = signing_kid(&server).await;
    let signing = rotate_es256(&server, TakeOver::AtOnce).await.kid;
    let announced = rotate_es256(&server, TakeOver::WhenKnown).await.kid;
    for kid in [&old, &announced] {
        assert_eq!(remove_key(&server, kid).await, Some(signing.clone()));
        assert!(!published(&server, &server.base).await.contains(kid));
        assert!(!sealed(&server).await.contains(kid));
    }
    assert_eq!(es256(&server, KeyState::Removed).await.len(), 2);
}

#[tokio::test]
async fn of_two_removals_at_once_one_removes() {
    let server = TestServer::start().await;
    let replica = server.replica().await;
    let old = signing_kid(&server).await;
    let (one, two) = tokio::join!(remove_key(&server, &old), remove_key(&replica, &old));
    let signing = signing_kid(&server).await;
    let mut outcomes = [one, two];
    outcomes.sort();
    assert_eq!(outcomes, [None, Some(signing)]);
    assert_eq!(server.audited("signing_key.removed", "success").await, 1);
}

#[tokio::test]
async fn a_key_of_nobody_or_of_another_tenant_cannot_be_removed() {
    let server = TestServer::start().await;
    let (acme, base) = server.tenant("acme").await;
    let ours = signing_kid(&server).await;
    let theirs = keys(&server, acme).await[0].kid.clone();
    let before = server.rows().await;
    for kid in ["", "nothing", theirs.as_str()] {
        assert_eq!(remove_key(&server, kid).await, None, "{kid:?}");
    }
    let by_them = remove(&server.app, acme, &ours, &By::OPERATOR).await.expect("the database answers");
    assert!(by_them.is_none());
    assert_eq!(server.rows().await, before);
    remove_key(&server, &ours).await.expect("the key is there");
    assert_eq!(remove_key(&server, &ours).await, None);
    assert!(published(&server, &base).await.contains(&theirs));
    assert_eq!(keys(&server, DEFAULT_TENANT).await.len(), 4);
}

#[tokio::test]
async fn a_key_that_nobody_asks_for_any_more_is_closed_too() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let old = kid(&tv.connect(&ada, "openid").await);
    assert!(server.app.key_ring.kids().iter().any(|(_, kid)| *kid == old));
    remove_key(&server, &old).await.expect("the key is there");
    forget_retired(&server.app).await.expect("the database answers");
    assert!(!server.app.key_ring.kids().iter().any(|(_, kid)| *kid == old));
}
