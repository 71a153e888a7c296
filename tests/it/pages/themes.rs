//! The looks of tenants: from files, of each tenant its own, harmless, and never hard to read.

use reqwest::StatusCode;

use crate::support::address_file::Folder;
use crate::support::{Page, Person, TestServer, until};

const THEME: &str = r##"
name = "Acme Media"
[light]
accent = "#0b6e4f"
[dark]
accent = "#7fd8a8"
[logo]
file = "logo.svg"
[links]
support = "mailto:help@acme.example"
privacy = "https://acme.example/privacy?a&b"
imprint = "https://acme.example/imprint"
"##;
const LOGO: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><script>document.title = "ran"</script><circle cx="20" cy="20" r="20"/></svg>"#;
/// A theme of nothing but one colour of light surroundings.
const PLAIN: &str = "[light]\naccent = \"#a0219e\"";
/// Yellow cannot be seen on white.
const PALE: &str = "[light]\naccent = \"#ffcc00\"";

/// A folder of themes and a server that looks at it.
pub(super) struct Themed {
    folder: Folder,
    pub(super) server: TestServer,
}

impl Themed {
    pub(super) async fn start() -> Self {
        let folder = Folder::new();
        let themes = folder.path("");
        let server = TestServer::with(|config| config.pages.theme_dir = Some(themes)).await;
        Self { folder, server }
    }

    /// Writes a file of a tenant's theme, without telling the server.
    pub(super) fn write(&self, tenant: &str, file: &str, content: impl AsRef<[u8]>) {
        std::fs::create_dir_all(self.folder.path(tenant)).expect("a folder");
        // Written beside and moved, as whoever wants no half themes does.
        self.folder.replace(&format!("{tenant}/{file}"), content);
    }

    /// Has the server look, which it does by itself every few seconds.
    pub(super) fn read(&self) {
        self.server.app.themes.reread();
    }

    /// A visitor of a tenant, which is made for it unless it is the default one.
    pub(super) async fn visitor(&self, tenant: &str) -> Person {
        let base =
            if tenant == "_root" { self.server.base.clone() } else { self.server.tenant(tenant).await.1 };
        Person::new(&base, "ada", "")
    }

    /// What a page of the tenant loads beside the house's stylesheet, if anything.
    async fn own_stylesheet(&self, visitor: &Person) -> Option<String> {
        let page = visitor.visit("/device").await;
        let address = address_of(&page, "/assets/theme.css?v=")?;
        let sheet = self.server.http.get(format!("{}{address}", self.server.base)).send().await;
        Some(sheet.expect("the server answers").text().await.expect("a stylesheet"))
    }
}

/// The value of the first attribute that holds this.
fn address_of(page: &Page, part: &str) -> Option<String> {
    let at = page.html.find(part)?;
    let start = page.html[..at].rfind('"')? + 1;
    Some(page.html[start..].split('"').next()?.to_owned())
}

#[tokio::test]
async fn each_tenant_has_its_own_look_and_one_without_has_the_houses() {
    let themed = Themed::start().await;
    themed.write("acme", "theme.toml", THEME);
    themed.write("acme", "logo.svg", LOGO);
    themed.write("_root", "theme.toml", PLAIN);
    themed.read();
    let (acme, root, other) =
        (themed.visitor("acme").await, themed.visitor("_root").await, themed.visitor("other").await);

    let page = acme.visit("/device").await;
    assert!(page.says("<title>Connect a device · Acme Media</title>"), "{page:?}");
    assert!(page.says(r#"<bdi class="tenant" translate="no">Acme Media</bdi>"#), "{page:?}");
    assert!(page.says(r#"" alt="">"#) && !page.says(r#"class="mark""#), "{page:?}");
    assert!(page.says(r#"href="mailto:help@acme.example""#), "{page:?}");
    assert!(page.says(r#"href="https://acme.example/privacy?a&#38;b""#), "{page:?}");
    let sheet = themed.own_stylesheet(&acme).await.expect("a stylesheet");
    assert!(sheet.contains("--accent: #0b6e4f") && sheet.contains("--accent: #7fd8a8"), "{sheet}");

    let page = root.visit("/device").await;
    assert!(page.says(" · Latchkey</title>") && page.says(r#"class="mark""#), "{page:?}");
    let sheet = themed.own_stylesheet(&root).await.expect("a stylesheet");
    assert!(sheet.contains("#a0219e") && !sheet.contains("dark"), "{sheet}");

    let page = other.visit("/device").await;
    assert!(
        page.says(r#"class="mark""#) && !page.says("theme.css") && !page.says("/assets/logo"),
        "{page:?}"
    );
    for path in ["/assets/theme.css", "/assets/logo", "/assets/logo-dark"] {
        assert_eq!(other.visit(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn what_has_no_tenants_form_is_in_its_look_too() {
    let themed = Themed::start().await;
    themed.write(
        "acme",
        "theme.toml",
        THEME.replace("file = \"logo.svg\"", "file = \"logo.svg\"\nalt = \"Acme\""),
    );
    themed.write("acme", "logo.svg", LOGO);
    themed.read();
    let acme = themed.visitor("acme").await;
    for page in [acme.visit("/no/such/page").await, acme.post("/device", &[]).await] {
        assert!(page.says(" · Acme Media</title>") && page.says("/t/acme/assets/theme.css?v="), "{page:?}");
        // The picture says the name, so it is not written beside it.
        assert!(page.says(r#"alt="Acme""#) && !page.says(r#"class="tenant""#), "{page:?}");
    }
}

#[tokio::test]
async fn stylesheet_and_logo_have_their_type_and_may_be_kept_for_good_under_their_own_address() {
    let themed = Themed::start().await;
    themed.write("acme", "theme.toml", THEME);
    themed.write("acme", "logo.svg", LOGO);
    themed.read();
    let acme = themed.visitor("acme").await;
    let page = acme.visit("/device").await;
    for (part, media_type) in
        [("/assets/theme.css?v=", "text/css; charset=utf-8"), ("/assets/logo?v=", "image/svg+xml")]
    {
        let address = address_of(&page, part).expect("an address");
        let url = format!("{}{address}", themed.server.base);
        let served = acme.visit(&url).await;
        assert_eq!(served.header("content-type"), media_type);
        assert_eq!(served.header("cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(served.header("x-content-type-options"), "nosniff");
        let tag = served.header("etag");
        assert!(tag.starts_with('"') && address.ends_with(tag.trim_matches('"')), "{tag} {address}");
        let again = themed.server.http.get(&url).header("if-none-match", tag).send().await;
        assert_eq!(again.expect("the server answers").status(), StatusCode::NOT_MODIFIED);
        // A page from before the theme changed, or of a server that has not read it yet.
        let other = acme.visit(&url.replace("?v=", "?v=0")).await;
        assert_eq!((other.status, other.header("cache-control")), (StatusCode::OK, "no-cache"));
    }
}

#[tokio::test]
async fn a_logo_that_is_opened_by_itself_can_do_nothing_and_pages_allow_no_more_than_before() {
    let themed = Themed::start().await;
    themed.write("acme", "theme.toml", THEME);
    themed.write("acme", "logo.svg", LOGO);
    themed.read();
    let acme = themed.visitor("acme").await;
    let logo = acme.visit("/assets/logo").await;
    let policy = logo.header("content-security-policy");
    assert_eq!(policy, "default-src 'none'; style-src 'unsafe-inline'; sandbox");
    let (page, house) = (acme.visit("/device").await, themed.visitor("other").await.visit("/device").await);
    let policy = page.header("content-security-policy");
    assert_eq!(policy, house.header("content-security-policy"));
    assert!(!policy.contains("unsafe") && !page.says("<style") && !page.says(" style="), "{policy}");
}

#[tokio::test]
async fn nothing_outside_a_theme_is_served() {
    let themed = Themed::start().await;
    themed.write("acme", "theme.toml", THEME);
    themed.write("acme", "logo.svg", LOGO);
    themed.write("acme", "secret.svg", LOGO);
    themed.read();
    themed.visitor("acme").await;
    for path in [
        "/t/acme/assets/theme.toml",
        "/t/acme/assets/secret.svg",
        "/t/acme/assets/logo.svg",
        "/t/acme/assets/logo/../theme.toml",
        "/t/acme/assets/logo%2f..%2ftheme.toml",
        "/t/_root/assets/logo",
        "/t/../acme/assets/logo",
    ] {
        let answer =
            themed.server.raw(format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn a_theme_follows_its_files_and_a_broken_one_leaves_the_last_good_one() {
    let themed = Themed::start().await;
    themed.write("acme", "theme.toml", PLAIN);
    themed.read();
    let acme = themed.visitor("acme").await;
    assert!(themed.own_stylesheet(&acme).await.is_some_and(|sheet| sheet.contains("#a0219e")));

    themed.write("acme", "theme.toml", THEME);
    themed.write("acme", "logo.svg", LOGO);
    themed.read();
    let good = themed.own_stylesheet(&acme).await;
    assert!(good.as_ref().is_some_and(|sheet| sheet.contains("#0b6e4f")));

    let no_logo = THEME.replace("logo.svg", "nothing.svg");
    let outside = THEME.replace("logo.svg", "../_root/theme.toml");
    for broken in ["", PALE, "[light", "accent = \"#000\"", &no_logo, &outside, &"#".repeat(20_000)] {
        if broken.is_empty() {
            themed.write("acme", "logo.svg", "<html>no picture</html>");
        } else {
            themed.write("acme", "theme.toml", broken);
        }
        themed.read();
        assert_eq!(themed.own_stylesheet(&acme).await, good, "{broken:.40}");
        assert_eq!(acme.visit("/assets/logo").await.html, LOGO, "{broken:.40}");
    }

    // It is a picture once more, and only that has changed.
    let other_logo = LOGO.replace("20\" cy", "21\" cy");
    themed.write("acme", "theme.toml", THEME);
    themed.write("acme", "logo.svg", &other_logo);
    themed.read();
    assert_eq!(acme.visit("/assets/logo").await.html, other_logo);

    std::fs::remove_dir_all(themed.folder.path("acme")).expect("the theme is taken away");
    themed.read();
    assert_eq!(themed.own_stylesheet(&acme).await, None);
}

#[tokio::test]
async fn a_server_starts_with_themes_that_cannot_be_used_and_serves_the_houses_style() {
    let themed = Themed::start().await;
    themed.write("acme", "theme.toml", PALE);
    themed.write("other", "theme.toml", THEME.replace("logo.svg", "huge.svg"));
    themed.write("other", "huge.svg", format!("{LOGO}{}", " ".repeat(300 * 1024)));
    themed.write("No_Body", "theme.toml", PLAIN);
    themed.write(".hidden", "theme.toml", PALE);
    themed.write("_root", "theme.toml", PLAIN);
    themed.read();
    for tenant in ["acme", "other"] {
        let visitor = themed.visitor(tenant).await;
        assert_eq!(themed.own_stylesheet(&visitor).await, None, "{tenant}");
    }
    assert!(themed.own_stylesheet(&themed.visitor("_root").await).await.is_some());

    let missing = themed.folder.path("nowhere");
    let server = themed.server.replica_with(|config| config.pages.theme_dir = Some(missing)).await;
    server.app.themes.reread();
    assert_eq!(
        server.http.get(format!("{}/device", server.base)).send().await.expect("an answer").status(),
        200
    );
}

#[tokio::test]
async fn a_server_reads_themes_by_itself() {
    let folder = Folder::new();
    std::fs::create_dir_all(folder.path("_root")).expect("a folder");
    folder.replace("_root/theme.toml", PLAIN);
    let themes = folder.path("");
    let server = TestServer::with(|config| config.pages.theme_dir = Some(themes)).await;
    let root = latchkey::model::tenant::TenantSlug::root();
    until("the server has read its themes", async || server.app.themes.of(&root).is_some()).await;
}
