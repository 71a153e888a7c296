//! The proxies of docs/operations.md, as it sets them up, in front of a server. Where a program is missing, its test says
//! so and is skipped. The one for Traefik is shown and not run.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::support::device::send;
use crate::support::{TestServer, until};

const HOST: &str = "login.example.org";
const CERTIFICATE: &str = "/etc/ssl/login.example.org.pem";
/// Where the visitor comes from: another address than the proxy's.
const VISITOR: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// A folder with a certificate for [`HOST`]; none without `openssl`.
fn folder(name: &str) -> Option<PathBuf> {
    let folder = std::env::temp_dir().join(format!("latchkey-proxy-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let (key, certificate) = (folder.join("key.pem"), folder.join("certificate.pem"));
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj"]);
    openssl.arg(format!("/CN={HOST}")).arg("-keyout").arg(&key).arg("-out").arg(&certificate);
    if !openssl.stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: no openssl");
        return None;
    }
    let both = [key, certificate].map(|path| std::fs::read_to_string(path).expect("text")).concat();
    std::fs::write(folder.join("both.pem"), both).expect("the file is written");
    Some(folder)
}

/// A running proxy, with its files.
struct Proxy {
    child: Child,
    folder: PathBuf,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// Has a visitor, who claims to be somebody else, start a device through the proxy, and looks at what arrived.
async fn must_forward(program: &str, block: &str, set_up: impl FnOnce(&Path, &str, u16) -> Command) {
    let shown = include_str!("../../../docs/operations.md");
    assert!(shown.contains(block), "docs/operations.md shows another block for {program}");
    let Some(folder) = folder(program) else { return };
    let server = TestServer::with(|config| {
        config.server.public_url = format!("https://{HOST}").parse().ok();
        config.server.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a network")];
    })
    .await;
    server.tv().await;
    let port = free_port();
    let upstream = server.base.trim_start_matches("http://");
    let certificate = folder.join("both.pem");
    let block =
        block.replace("127.0.0.1:8628", upstream).replace(CERTIFICATE, certificate.to_str().expect("text"));
    let mut command = set_up(&folder, &block, port);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let Ok(child) = child else {
        eprintln!("skipped: no {program}");
        return;
    };
    let mut proxy = Proxy { child, folder };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    until("the proxy listens", async || {
        if let Some(status) = proxy.child.try_wait().expect("a child can be waited for") {
            let mut said = String::new();
            let stderr = proxy.child.stderr.as_mut().expect("standard error");
            std::io::Read::read_to_string(stderr, &mut said).expect("text");
            panic!("{program} ended with {status}: {said}");
        }
        tokio::net::TcpStream::connect(address).await.is_ok()
    })
    .await;
    let visitor = reqwest::Client::builder()
        .no_proxy()
        .danger_accept_invalid_certs(true)
        .resolve(HOST, address)
        .local_address(VISITOR)
        .build()
        .expect("a client");
    let url = format!("https://{HOST}:{port}/oauth/device-authorization");
    let request = visitor
        .post(url)
        .header("x-forwarded-for", "203.0.113.5")
        .header("x-forwarded-proto", "http")
        .header("x-forwarded-host", "evil.example");
    let answer = send(request.form(&[("client_id", "tv"), ("scope", "openid")])).await;
    assert_eq!(answer.status, 200, "{program}: {answer:?}");
    assert_eq!(answer.string("verification_uri"), format!("https://{HOST}/device"), "{program}");
    let seen: Vec<String> = sqlx::query_scalar("SELECT host(ip_address) FROM device_authorizations")
        .fetch_all(&server.app.db)
        .await
        .expect("the addresses of devices");
    assert_eq!(seen, [VISITOR.to_string()], "{program}");
    assert_eq!(server.get("/health/ready").await.json["warnings"], serde_json::json!([]), "{program}");
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("the file is written");
    path
}

#[tokio::test]
async fn nginx_as_documented_forwards_the_visitor_s_address() {
    must_forward("nginx", include_str!("nginx.conf"), |folder, block, port| {
        let block = block.replace("listen 443", &format!("listen 127.0.0.1:{port}"));
        let home = folder.to_str().expect("text");
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {home}/{kind};\n"))
            .concat();
        let all = format!(
            "daemon off; master_process off; pid {home}/pid; error_log stderr;\n\
             events {{}}\nhttp {{ access_log off;\n{temporary}{block} }}\n"
        );
        let mut command = Command::new("nginx");
        command.arg("-p").arg(folder).arg("-e").arg("stderr").arg("-c").arg(write(
            folder,
            "nginx.conf",
            &all,
        ));
        command
    })
    .await;
}

#[tokio::test]
async fn haproxy_as_documented_forwards_the_visitor_s_address() {
    must_forward("haproxy", include_str!("haproxy.cfg"), |folder, block, port| {
        let block = block.replace("bind :443", &format!("bind 127.0.0.1:{port}"));
        let mut command = Command::new("haproxy");
        command.arg("-db").arg("-f").arg(write(folder, "haproxy.cfg", &block));
        command
    })
    .await;
}

#[tokio::test]
async fn caddy_as_documented_forwards_the_visitor_s_address() {
    must_forward("caddy", include_str!("Caddyfile"), |folder, block, port| {
        let certificate = folder.join("both.pem");
        let certificate = certificate.to_str().expect("text");
        // The certificate authority that Caddy asks by default is out of reach.
        let site = format!("https://{HOST}:{port} {{\n\tbind 127.0.0.1\n\ttls {certificate} {certificate}\n");
        let block = block.replacen(&format!("{HOST} {{\n"), &site, 1);
        let all = format!("{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n{block}");
        let mut command = Command::new("caddy");
        let file = write(folder, "Caddyfile", &all);
        command.args(["run", "--adapter", "caddyfile", "--config"]).arg(file);
        command.env("HOME", folder).env("XDG_DATA_HOME", folder).env("XDG_CONFIG_HOME", folder);
        command
    })
    .await;
}
