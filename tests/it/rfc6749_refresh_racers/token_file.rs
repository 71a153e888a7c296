//! The file in which command-line programs keep the tokens of a device, and what they do with it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;

use crate::support::{Answer, Device};

static COUNTER: AtomicU32 = AtomicU32::new(0);

/// What programs do when they start.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reader {
    /// They refresh if the access token in the file has run out.
    LooksFirst,
    /// They refresh whatever the file has.
    AlwaysRefreshes,
}

/// A file that ends with the last program that has it.
#[derive(Clone)]
pub(super) struct TokenFile(Arc<Place>);

struct Place(PathBuf);

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What is in it.
pub(super) struct Tokens {
    pub(super) access_token: String,
    pub(super) refresh_token: String,
}

impl Tokens {
    fn of(answer: &Answer) -> Self {
        let (access_token, refresh_token) = (answer.string("access_token"), answer.string("refresh_token"));
        Self { access_token, refresh_token }
    }
}

impl TokenFile {
    /// A file with the first tokens of a device.
    pub(super) fn new(answer: &Answer) -> Self {
        let name =
            format!("latchkey-tokens-{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let file = Self(Arc::new(Place(std::env::temp_dir().join(name))));
        file.write(&Tokens::of(answer));
        file
    }

    pub(super) fn read(&self) -> Tokens {
        let text = std::fs::read_to_string(&self.0.0).expect("the file can be read");
        let json: serde_json::Value = serde_json::from_str(&text).expect("it is whole");
        let member = |name: &str| json[name].as_str().expect("a token").to_owned();
        Tokens { access_token: member("access_token"), refresh_token: member("refresh_token") }
    }

    /// Puts a new file in its place, as programs do whose readers shall find it whole. The last writer wins.
    fn write(&self, tokens: &Tokens) {
        let new = self.0.0.with_extension(COUNTER.fetch_add(1, Ordering::Relaxed).to_string());
        let text = json!({"access_token": tokens.access_token, "refresh_token": tokens.refresh_token});
        std::fs::write(&new, text.to_string()).expect("the file can be written");
        std::fs::rename(new, &self.0.0).expect("it takes the place of the old one");
    }

    /// One start of a program: it reads the file, refreshes where it must, and writes back what it got; the access
    /// token that it works with.
    pub(super) async fn access_token(&self, device: &Device, reader: Reader, run_out: &str) -> String {
        let tokens = self.read();
        if matches!(reader, Reader::LooksFirst) && tokens.access_token != run_out {
            return tokens.access_token;
        }
        let answer = device.refresh(&tokens.refresh_token).await;
        let tokens = Tokens::of(answer.must_be_tokens());
        self.write(&tokens);
        tokens.access_token
    }
}
