//! `latchkey demo`

use super::process::{DataDir, latchkey, run_json};

#[test]
fn the_demo_plays_the_whole_flow_and_ends() {
    let data = DataDir::new();
    let path = data.path().to_str().expect("text").to_owned();
    let demo = || {
        let arguments =
            ["demo", "--auto-approve", "--json", "--listen", "127.0.0.1:0", "--data-dir", path.as_str()];
        run_json(latchkey(&arguments))
    };

    let tokens = demo();
    for member in ["access_token", "id_token", "refresh_token"] {
        assert!(tokens[member].is_string(), "{member}: {tokens}");
    }
    assert_eq!(tokens["scope"], "offline_access openid profile");
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["expires_in"], 600);
    assert!(data.postmaster().is_none(), "the database stops with the demo");

    assert_ne!(
        demo()["access_token"],
        tokens["access_token"],
        "a second demo finds the first one's user and client"
    );
}
