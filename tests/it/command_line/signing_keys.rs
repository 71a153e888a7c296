//! `latchkey admin list-keys`, `rotate-key`, `remove-key` and `rotate-token-key`, beside a running server.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::process::{DataDir, Served, refusal, run, run_json};
use crate::support::plain;

/// Asks the server for its keys until it publishes these; it hears of a change a moment after it was made.
async fn must_publish(server: &Served, kids: &BTreeSet<String>) {
    let mut seen = BTreeSet::new();
    for _ in 0..1_000 {
        let answer =
            plain::client().get(format!("{}/oauth/jwks", server.base)).send().await.expect("an answer");
        let set: Value = answer.json().await.expect("JSON");
        seen = kids_of(&set);
        if seen == *kids {
            return;
        }
    }
    panic!("{seen:?} instead of {kids:?}");
}

fn kids_of(set: &Value) -> BTreeSet<String> {
    let keys = set["keys"].as_array().expect("a list of keys");
    keys.iter().map(|key| key["kid"].as_str().expect("a kid").to_owned()).collect()
}

#[tokio::test]
async fn keys_are_listed_rotated_and_removed_while_a_server_runs() {
    let data = DataDir::with_cluster();
    let server = data.serve();
    let list = || run_json(data.latchkey(&["admin", "list-keys", "--json"]));
    let listed = list();
    let mut kids = kids_of(&listed);
    assert_eq!(kids.len(), 3, "{listed}");
    for key in listed["keys"].as_array().expect("a list") {
        assert_eq!((&key["state"], &key["next"]["step"]), (&json!("signing"), &json!("succession")), "{key}");
    }
    must_publish(&server, &kids).await;

    let rotate = |more: &[&str]| {
        let arguments = [&["admin", "rotate-key", "--algorithm", "ES256", "--json"], more].concat();
        run_json(data.latchkey(&arguments))["keys"][0].clone()
    };
    let announced = rotate(&[]);
    assert_eq!((&announced["state"], &announced["alg"]), (&json!("announced"), &json!("ES256")));
    assert_eq!(announced["next"]["step"], "take_over", "{announced}");
    assert_eq!(rotate(&[])["kid"], announced["kid"]);
    kids.insert(announced["kid"].as_str().expect("a kid").to_owned());
    let listed = list();
    let mut all = listed["keys"].as_array().expect("a list").iter();
    let replaced =
        all.find(|key| key["alg"] == "ES256" && key["state"] == "signing").expect("the key that signs");
    let expected = json!({"step": "retirement", "at": announced["next"]["at"]});
    assert_eq!(replaced["next"], expected, "its successor is announced");
    must_publish(&server, &kids).await;

    let signing = rotate(&["--now"]);
    assert_eq!((&signing["kid"], &signing["state"]), (&announced["kid"], &json!("signing")));
    let retired = list();
    let retired = retired["keys"].as_array().expect("a list").iter().find(|key| key["state"] == "retired");
    let retired = retired.expect("the old key")["kid"].as_str().expect("a kid");

    let removed = run_json(data.latchkey(&["admin", "remove-key", "--json", retired]));
    assert_eq!(removed, json!({"removed": retired, "alg": "ES256", "signing": signing["kid"]}));
    kids.remove(retired);
    must_publish(&server, &kids).await;
    let said = refusal(data.latchkey(&["admin", "remove-key", retired]));
    assert!(said.contains("key not found"), "{said}");

    let everything = run_json(data.latchkey(&["admin", "rotate-key", "--json"]));
    assert_eq!(kids_of(&everything).len(), 3, "{everything}");
    let words = String::from_utf8(run(data.latchkey(&["admin", "list-keys"])).stdout).expect("text");
    assert_eq!(words.lines().count(), 7, "{words}");
    for part in ["signs from", "is replaced by its announced successor from", "removed since"] {
        assert!(words.contains(part), "{words}");
    }
}

#[test]
fn a_token_key_is_rotated_only_after_confirmation() {
    let data = DataDir::with_cluster();
    let said = refusal(data.latchkey(&["admin", "rotate-token-key"]));
    assert!(said.contains("the access of all devices of the tenant") && said.contains("--yes"), "{said}");
    let done =
        String::from_utf8(run(data.latchkey(&["admin", "rotate-token-key", "--yes"])).stdout).expect("text");
    assert!(done.contains("every device of the tenant must sign in again"), "{done}");
    let said = refusal(data.latchkey(&["admin", "rotate-token-key", "--yes", "--tenant", "nobody"]));
    assert!(said.contains("tenant not found"), "{said}");
}
