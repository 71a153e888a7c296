//! Where requests come from: looked up, stored, carried on, and never of the sender's choosing.

use latchkey::config::Config;
use serde_json::{Value, json};

use crate::support::address_file::{Folder, address_file, asn, city, example_files};
use crate::support::device::{DEVICE_GRANT, send};
use crate::support::{Answer, Device, Page, TestServer, until};

/// A server behind a proxy that knows the places of [`example_files`].
async fn server_with(folder: &Folder, change: impl FnOnce(&mut Config)) -> TestServer {
    let (cities, networks) = example_files(folder);
    let server = TestServer::with(|config| {
        config.server.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a network")];
        config.geo.city_file = Some(cities);
        config.geo.asn_file = Some(networks);
        config.geo.hosting_asns = vec![64510];
        config.policy.approval.far_km = 300;
        change(config);
    })
    .await;
    // The server does it by itself; here it is waited for.
    server.app.geo.reread();
    server
}

/// Asks for codes, as a device of which proxies say that it is at these addresses.
async fn start_from(tv: &Device, addresses: &str) -> Answer {
    let request = tv.request("/oauth/device-authorization").header("x-forwarded-for", addresses);
    let answer = send(request.form(&[("client_id", tv.client_id.as_str()), ("scope", "openid")])).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer
}

/// The only value of a column.
async fn place(server: &TestServer, sql: &'static str) -> Value {
    let place: Option<Value> =
        sqlx::query_scalar(sql).fetch_one(&server.app.db).await.expect("one row of JSON");
    place.unwrap_or_default()
}

const OF_SESSIONS: &str = "SELECT place FROM device_authorizations";
const OF_BROWSERS: &str = "SELECT place FROM browser_sessions";

#[tokio::test]
async fn places_are_stored_with_the_request_the_device_and_the_sign_in() {
    let folder = Folder::new();
    let server = server_with(&folder, |_| ()).await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let answer = start_from(&tv, "192.0.2.7").await;
    let berlin = json!({
        "city": "Berlin", "region": "Land Berlin", "country": "DE", "asn": 64500,
        "organisation": "Example Networks", "is_hosting": false,
        "latitude": 52.52, "longitude": 13.405, "accuracy_km": 20,
    });
    assert_eq!(place(&server, OF_SESSIONS).await, berlin);

    ada.forwarded_for("2001:db8::1").approve(&answer.string("user_code")).await;
    let at_sign_in = place(&server, OF_BROWSERS).await;
    assert_eq!((&at_sign_in["city"], &at_sign_in["asn"]), (&json!("Munich"), &json!(64502)));

    // Where the tokens are collected changes nothing.
    let code = answer.string("device_code");
    let form = [("grant_type", DEVICE_GRANT), ("device_code", &code), ("client_id", "tv")];
    let request = tv.request("/oauth/token").header("x-forwarded-for", "198.51.100.1");
    send(request.form(&form)).await.must_be_tokens();
    assert_eq!(place(&server, "SELECT place FROM devices").await, berlin);
    let columns = "SELECT to_jsonb(array[city, region, country, asn::text]) FROM devices";
    assert_eq!(place(&server, columns).await, json!(["Berlin", "Land Berlin", "DE", "64500"]));
}

#[tokio::test]
async fn a_network_of_a_hosting_provider_is_known_as_one() {
    let folder = Folder::new();
    let server = server_with(&folder, |_| ()).await;
    start_from(&server.tv().await, "203.0.113.200").await;
    let hosted = json!({"asn": 64510, "organisation": "Example Hosting <&> Co.", "is_hosting": true});
    assert_eq!(place(&server, OF_SESSIONS).await, hosted);
}

#[tokio::test]
async fn nobody_chooses_the_place_they_are_seen_at() {
    let folder = Folder::new();
    // No proxy is trusted: the header counts for nothing, and of the true address nothing is known.
    let server = server_with(&folder, |config| config.server.trusted_proxies.clear()).await;
    start_from(&server.tv().await, "192.0.2.7").await;
    server.ada().await.forwarded_for("192.0.2.7").sign_in().await;
    assert_eq!(place(&server, OF_SESSIONS).await, Value::Null);
    assert_eq!(place(&server, OF_BROWSERS).await, Value::Null);

    // What came before the word of the trusted proxy counts for nothing.
    let server = server_with(&folder, |_| ()).await;
    start_from(&server.tv().await, "192.0.2.7, 198.51.100.1").await;
    server.ada().await.forwarded_for("192.0.2.7, 198.51.100.1").sign_in().await;
    assert_eq!(place(&server, OF_SESSIONS).await["city"], "Paris");
    assert_eq!(place(&server, OF_BROWSERS).await["city"], "Paris");
}

#[tokio::test]
async fn without_files_everything_works_and_no_place_is_known() {
    let server = TestServer::behind_a_proxy().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    tv.connect(&ada, "openid").await;
    assert_eq!(place(&server, OF_SESSIONS).await, Value::Null);
    assert_eq!(place(&server, "SELECT place FROM devices").await, Value::Null);
}

#[tokio::test]
async fn one_file_alone_says_what_it_knows() {
    let folder = Folder::new();
    let server = server_with(&folder, |config| config.geo.asn_file = None).await;
    start_from(&server.tv().await, "192.0.2.7").await;
    let known = place(&server, OF_SESSIONS).await;
    assert_eq!((&known["country"], known.get("asn")), (&json!("DE"), None));
}

#[tokio::test]
async fn a_server_reads_its_files_by_itself() {
    let folder = Folder::new();
    let (cities, _) = example_files(&folder);
    let server = TestServer::with(|config| config.geo.city_file = Some(cities)).await;
    let address = "192.0.2.7".parse().expect("an address");
    until("the server has read its file", async || server.app.geo.place_of(address).is_some()).await;
}

#[tokio::test]
async fn a_new_file_takes_the_place_of_the_old_one_and_a_broken_one_does_not() {
    let folder = Folder::new();
    let server = server_with(&folder, |_| ()).await;
    let geo = &server.app.geo;
    let address = "192.0.2.7".parse().expect("an address");
    let city_now = || geo.place_of(address).and_then(|place| place.city);
    let moved = |name: &str| address_file("City", &[("192.0.2.0/24", city(name, "", "DE", 52.0, 13.0))]);
    assert_eq!(city_now().as_deref(), Some("Berlin"));

    folder.replace("city.mmdb", moved("Bonn"));
    assert_eq!(city_now().as_deref(), Some("Berlin"), "it was read although nobody asked");
    geo.reread();
    assert_eq!(city_now().as_deref(), Some("Bonn"));

    let whole = moved("Weimar");
    for broken in [&b""[..], &b"nonsense"[..], &whole[..whole.len() - 200], &whole[100..]] {
        folder.replace("city.mmdb", broken);
        geo.reread();
        assert_eq!(city_now().as_deref(), Some("Bonn"));
    }
    std::fs::remove_file(folder.path("city.mmdb")).expect("the file goes");
    geo.reread();
    assert_eq!(city_now().as_deref(), Some("Bonn"));

    folder.replace("city.mmdb", whole);
    geo.reread();
    assert_eq!(city_now().as_deref(), Some("Weimar"));
    let networks = geo.place_of(address).and_then(|place| place.asn);
    assert_eq!(networks, Some(64500), "the other file was not to change");
}

#[tokio::test]
async fn a_file_about_something_else_is_rejected_and_reported() {
    let folder = Folder::new();
    let server = server_with(&folder, |_| ()).await;
    let warnings = async || {
        let answer = send(server.http.get(format!("{}/health/ready", server.base))).await;
        answer.json["warnings"].as_array().expect("a list").iter().map(Value::to_string).collect::<Vec<_>>()
    };
    assert!(warnings().await.is_empty());
    // The operator mixed the two up.
    folder.replace(
        "city.mmdb",
        address_file("GeoLite2-ASN", &[("192.0.2.0/24", asn(64500, "Example Networks"))]),
    );
    let cities = [("192.0.2.0/24", city("Bonn", "", "DE", 50.7, 7.1))];
    folder.replace("asn.mmdb", address_file("GeoLite2-City", &cities));
    server.app.geo.reread();
    let [one, other] = &warnings().await[..] else { panic!("two files are wrong") };
    assert!(
        one.contains("geo.city_file")
            && one.contains("GeoLite2-ASN")
            && one.contains("belongs to geo.asn_file")
    );
    assert!(other.contains("geo.asn_file") && other.contains("belongs to geo.city_file"), "{other}");
    start_from(&server.tv().await, "192.0.2.7").await;
    assert_eq!(place(&server, OF_SESSIONS).await["city"], "Berlin", "the files before still hold");

    // A layout that nobody has thought of, a record that is odd, and a file that says nothing.
    for content in [json!({"where": "Berlin"}), json!({"city": ["a", "list"], "location": "a text"})] {
        folder.replace("city.mmdb", address_file("Other", &[("192.0.2.0/24", content)]));
        server.app.geo.reread();
        assert!(warnings().await[0].contains("its layout is unknown"));
    }
    folder.replace("city.mmdb", address_file("GeoLite2-City", &[]));
    server.app.geo.reread();
    assert!(warnings().await[0].contains("the file is empty"));
    example_files(&folder);
    server.app.geo.reread();
    assert!(warnings().await.is_empty());
}

#[tokio::test]
async fn the_files_of_the_common_free_providers_are_read() {
    let (berlin, networks) = ((52.52, 13.405), "Example Networks");
    let lite = json!({"asn": "AS64500", "as_name": networks, "as_domain": "example.net", "continent": "Europe",
        "continent_code": "EU", "country": "Germany", "country_code": "DE"});
    for (kind, of_city, of_network) in [
        ("DBIP-City-Lite", city("Berlin", "Land Berlin", "DE", berlin.0, berlin.1), asn(64500, networks)),
        (
            "ip-location-db",
            json!({"city": "Berlin", "country_code": "DE", "latitude": berlin.0, "longitude": berlin.1,
                   "postcode": "", "state1": "Land Berlin", "state2": "", "timezone": "Europe/Berlin"}),
            asn(64500, networks),
        ),
        (
            "ipinfo standard_location.mmdb",
            json!({"city": "Berlin", "region": "Land Berlin", "country": "DE", "lat": "52.52", "lng": "13.405"}),
            lite.clone(),
        ),
        (
            "IP2LITE-City",
            json!({"city": {"names": {"en": "Berlin"}}, "country": {"iso_code": "DE", "names": {"en": "Germany"}},
                   "location": {"latitude": berlin.0, "longitude": berlin.1},
                   "subdivisions": [{"names": {"en": "Land Berlin"}}]}),
            json!({"asn": "64500", "as": networks}),
        ),
    ] {
        let folder = Folder::new();
        let server = server_with(&folder, |_| ()).await;
        folder.replace("city.mmdb", address_file(kind, &[("192.0.2.0/24", of_city)]));
        folder.replace("asn.mmdb", address_file(kind, &[("192.0.2.0/24", of_network)]));
        server.app.geo.reread();
        let place = server.app.geo.place_of("192.0.2.7".parse().expect("an address")).expect(kind);
        assert_eq!(
            (place.city.as_deref(), place.region.as_deref(), place.country.as_deref()),
            (Some("Berlin"), Some("Land Berlin"), Some("DE")),
            "{kind}"
        );
        assert_eq!((place.latitude, place.longitude), (Some(52.52), Some(13.405)), "{kind}");
        assert_eq!((place.asn, place.organisation.as_deref()), (Some(64500), Some(networks)), "{kind}");
    }
    // One file for both: no city, but a country.
    let folder = Folder::new();
    let server = server_with(&folder, |_| ()).await;
    for name in ["city.mmdb", "asn.mmdb"] {
        folder.replace(name, address_file("ipinfo lite", &[("192.0.2.0/24", lite.clone())]));
    }
    server.app.geo.reread();
    let place = server.app.geo.place_of("192.0.2.7".parse().expect("an address")).expect("a place");
    assert_eq!((place.country.as_deref(), place.asn, place.city), (Some("DE"), Some(64500), None));
}

/// The page on which ada, at one address, decides about a device at another.
async fn consent_page(server: &TestServer, device: &str, browser: &str) -> Page {
    let tv = server.tv().await;
    let code = start_from(&tv, device).await.string("user_code");
    server.ada().await.forwarded_for(browser).open(&code).await
}

#[tokio::test]
async fn the_person_reads_where_the_device_is() {
    let folder = Folder::new();
    let server = server_with(&folder, |_| ()).await;
    let page = consent_page(&server, "192.0.2.7", "203.0.113.5").await;
    let place = "<bdi translate=\"no\">Berlin</bdi>, Germany · <bdi translate=\"no\">Example Networks</bdi> (AS64500)";
    assert!(page.says(place), "{page:?}");
    for warning in REASONS.into_iter().chain(["risk-places-meaning"]) {
        assert!(!page.shows(warning), "{warning}: {page:?}");
    }
}

const REASONS: [&str; 3] = ["risk-other-country", "risk-far-away", "risk-hosting-provider"];

#[tokio::test]
async fn a_device_that_is_not_where_the_browser_is_is_warned_of() {
    for (device, warned) in
        [("198.51.100.1", REASONS[0]), ("2001:db8::1", REASONS[1]), ("203.0.113.200", REASONS[2])]
    {
        let folder = Folder::new();
        let server = server_with(&folder, |_| ()).await;
        let page = consent_page(&server, device, "192.0.2.7").await;
        for reason in REASONS {
            assert_eq!(page.shows(reason), reason == warned, "{reason}: {page:?}");
        }
        let browser = "This browser: <bdi translate=\"no\">Berlin</bdi>, Germany";
        assert!(page.says(browser) && page.shows("risk-places-meaning"), "{page:?}");
    }
}

#[tokio::test]
async fn where_a_place_is_not_known_nothing_is_said_of_it() {
    let folder = Folder::new();
    let server = server_with(&folder, |_| ()).await;
    let page = consent_page(&server, "198.51.100.1", "127.0.0.1").await;
    assert!(page.says("Paris") && !page.says("VPN"), "{page:?}");
}
