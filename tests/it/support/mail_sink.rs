//! A mail server that delivers nothing, and takes everything it is not told to refuse (RFC 5321).

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::patience::PATIENCE;

/// The server.
pub struct MailSink {
    /// `smtp://127.0.0.1:{port}`
    pub url: String,
    arrivals: mpsc::UnboundedReceiver<Mail>,
    refusals: Arc<Refusals>,
}

/// What the mail server answers to messages for some recipients, and how often it did.
#[derive(Default)]
struct Refusals {
    replies: Mutex<HashMap<String, &'static str>>,
    given: AtomicUsize,
}

/// A message as it arrived.
#[derive(Debug)]
pub struct Mail {
    /// Whom the envelope names.
    pub recipients: Vec<String>,
    /// Header lines, unfolded.
    pub headers: Vec<String>,
    pub text: String,
}

impl MailSink {
    pub async fn start() -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.expect("a free port"))
    }

    /// A mail server that comes to life at an address where there was none.
    pub async fn at(url: &str) -> Self {
        let address = url.strip_prefix("smtp://").expect("an smtp URL");
        Self::on(TcpListener::bind(address).await.expect("the port is still free"))
    }

    fn on(listener: TcpListener) -> Self {
        let url = format!("smtp://{}", listener.local_addr().expect("an address"));
        let (arrived, arrivals) = mpsc::unbounded_channel();
        let refusals: Arc<Refusals> = Arc::default();
        let told = Arc::clone(&refusals);
        #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (arrived, told) = (arrived.clone(), Arc::clone(&told));
                tokio::spawn(async move {
                    // Whoever hangs up in the middle has sent nothing.
                    let _ = converse(connection, &arrived, &told).await;
                });
            }
        });
        Self { url, arrivals, refusals }
    }

    /// Answers messages for a recipient with this reply from now on.
    pub fn refuse(&self, recipient: &str, reply: &'static str) {
        self.refusals.replies.lock().expect("the replies").insert(recipient.to_owned(), reply);
    }

    /// Takes everything again.
    pub fn take_all(&self) {
        self.refusals.replies.lock().expect("the replies").clear();
    }

    /// How often it has refused a recipient.
    pub fn refused(&self) -> usize {
        self.refusals.given.load(Ordering::Relaxed)
    }

    /// The next message, waited for.
    pub async fn next(&mut self) -> Mail {
        let next = tokio::time::timeout(PATIENCE, self.arrivals.recv()).await;
        next.expect("a mail arrives").expect("the mail server is there")
    }

    /// Whether no message has arrived that was not taken.
    pub fn is_empty(&mut self) -> bool {
        self.arrivals.try_recv().is_err()
    }
}

async fn converse(
    connection: TcpStream,
    arrived: &mpsc::UnboundedSender<Mail>,
    told: &Refusals,
) -> std::io::Result<()> {
    let mut connection = BufReader::new(connection);
    connection.write_all(b"220 sink\r\n").await?;
    let mut recipients = Vec::new();
    loop {
        let mut line = String::new();
        if connection.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let answer = match line.get(..4).unwrap_or_default().to_ascii_uppercase().as_str() {
            "EHLO" => "250-sink\r\n250 8BITMIME\r\n",
            "RCPT" => {
                let recipient = line.trim_end()["RCPT TO:".len()..].trim_matches(['<', '>']).to_owned();
                let refusal = told.replies.lock().expect("the replies").get(&recipient).copied();
                if let Some(reply) = refusal {
                    told.given.fetch_add(1, Ordering::Relaxed);
                    connection.write_all(format!("{reply}\r\n").as_bytes()).await?;
                    continue;
                }
                recipients.push(recipient);
                "250 ok\r\n"
            }
            "DATA" => {
                connection.write_all(b"354 go on\r\n").await?;
                let mut lines = Vec::new();
                loop {
                    let mut line = String::new();
                    connection.read_line(&mut line).await?;
                    match line.trim_end_matches(['\r', '\n']) {
                        "." => break,
                        text => lines.push(text.strip_prefix('.').unwrap_or(text).to_owned()),
                    }
                }
                let _ = arrived.send(read(std::mem::take(&mut recipients), &lines));
                "250 taken\r\n"
            }
            "QUIT" => "221 bye\r\n",
            _ => "250 ok\r\n",
        };
        connection.write_all(answer.as_bytes()).await?;
    }
}

fn read(recipients: Vec<String>, lines: &[String]) -> Mail {
    let end = lines.iter().position(String::is_empty).unwrap_or(lines.len());
    let mut headers: Vec<String> = Vec::new();
    for line in &lines[..end] {
        match headers.last_mut() {
            Some(last) if line.starts_with([' ', '\t']) => last.push_str(line),
            _ => headers.push(line.clone()),
        }
    }
    let body = &lines[(end + 1).min(lines.len())..];
    let encoding = headers.iter().find_map(|line| line.strip_prefix("Content-Transfer-Encoding: "));
    let text = match encoding {
        Some("base64") => {
            let bytes = STANDARD.decode(body.concat()).expect("base64");
            String::from_utf8(bytes).expect("a text")
        }
        Some("quoted-printable") => quoted_printable(&body.join("\r\n")),
        _ => body.join("\r\n"),
    };
    Mail { recipients, headers, text }
}

/// RFC 2045 §6.7.
fn quoted_printable(text: &str) -> String {
    let joined = text.replace("=\r\n", "");
    let mut bytes = Vec::new();
    let mut rest = joined.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| *first == b'=').and_then(|code| std::str::from_utf8(code).ok());
        if let Some(byte) = code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            bytes.push(byte);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).expect("a text")
}

impl Mail {
    /// The link of the message: path and query.
    #[track_caller]
    pub fn link(&self, base: &str) -> String {
        let url = self.text.split_whitespace().find(|word| word.contains("/device/not-me?")).expect("a link");
        url.strip_prefix(base).unwrap_or_else(|| panic!("{url} is not below {base}")).to_owned()
    }

    /// The lines of a header.
    pub fn header(&self, name: &str) -> Vec<&str> {
        let value = |line: &'_ String| {
            line.split_once(": ")
                .filter(|(found, _)| found.eq_ignore_ascii_case(name))
                .map(|(found, _)| found.len() + 2)
        };
        self.headers.iter().filter_map(|line| value(line).map(|at| &line[at..])).collect()
    }
}
