//! How much write-ahead log a person's deeds cost.

use crate::support::TestServer;
use crate::support::log_bytes::LogBytes;

/// From the entry of the code to the decision. Nearly all of it is the two audit events and their index entries, and the
/// index entries of the device authorization, which is updated twice.
const APPROVAL: i64 = 3_400;
/// The number of approvals. The smallest figure counts: background tasks only add to it.
const TIMES: usize = 6;

#[tokio::test]
async fn an_approval_writes_no_more_log_than_its_budget_and_none_for_the_guards() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    ada.sign_in().await;
    let mut least = (i64::MAX, Vec::new());
    for _ in 0..TIMES {
        let code = tv.start("openid profile").await.user_code;
        let form = ada.visit("/device").await;
        let log = LogBytes::from_now(&server.app.db).await;
        let consent = ada.submit(&form, "/device", &[("user_code", &code)]).await;
        let done = ada.decide(&consent, "approve").await;
        assert!(done.says("Your device is connected"), "{done:?}");
        let records = log.count().await;
        least = least.min((records.iter().map(|(_, bytes)| bytes).sum(), records));
    }
    let (bytes, records) = least;
    assert!(bytes > 200, "{bytes} bytes are too few to be true: {records:#?}");
    assert!(!records.iter().any(|(kind, _)| kind.contains("attempt_")), "{records:#?}");
    assert!(bytes <= APPROVAL, "{bytes} bytes: {records:#?}");
}
