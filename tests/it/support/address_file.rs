//! Files about addresses in MaxMind's format, written by the tests themselves
//! (<https://maxmind.github.io/MaxMind-DB/>).

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use ipnet::IpNet;
use serde_json::{Value, json};

/// A folder that goes when the test does.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("latchkey-files-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    /// The path of a file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Puts a file in the place of what was there, at once.
    pub fn replace(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let (path, new) = (self.path(name), self.path("new"));
        std::fs::write(&new, content).expect("a file is written");
        std::fs::rename(&new, &path).expect("a file is moved");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Which record a node leads to next, for a bit of 0 and of 1.
type Node = [Record; 2];

#[derive(Clone, Copy)]
enum Record {
    Nothing,
    Node(usize),
    /// At this offset of the data.
    Data(usize),
}

/// The content of a file that says this of these networks; none lies within another.
pub fn address_file(kind: &str, networks: &[(&str, Value)]) -> Vec<u8> {
    let (mut tree, mut data) = (vec![[Record::Nothing; 2]], Vec::new());
    for (network, value) in networks {
        let (bits, length) = bits(network.parse().expect("a network"));
        let offset = data.len();
        encode(value, &mut data);
        let mut at = 0;
        for depth in 0..length {
            let side = usize::from(bits >> (127 - depth) & 1 == 1);
            at = match tree[at][side] {
                _ if depth + 1 == length => {
                    tree[at][side] = Record::Data(offset);
                    break;
                }
                Record::Node(next) => next,
                _ => {
                    tree.push([Record::Nothing; 2]);
                    let next = tree.len() - 1;
                    tree[at][side] = Record::Node(next);
                    next
                }
            };
        }
    }
    let mut file = written(&tree);
    file.extend([0; 16]);
    file.extend(data);
    file.extend(b"\xab\xcd\xefMaxMind.com");
    let metadata = json!({
        "binary_format_major_version": 2, "binary_format_minor_version": 0, "build_epoch": 1_800_000_000,
        "database_type": kind, "description": {"en": "Places for tests"}, "ip_version": 6,
        "languages": ["en"], "node_count": tree.len(), "record_size": 32,
    });
    encode(&metadata, &mut file);
    file
}

/// A network's first address and length among those of IPv6, where IPv4 is ::/96.
fn bits(network: IpNet) -> (u128, u8) {
    match network {
        IpNet::V4(v4) => (u128::from(v4.network().to_bits()), v4.prefix_len() + 96),
        IpNet::V6(v6) => (v6.network().to_bits(), v6.prefix_len()),
    }
}

fn written(tree: &[Node]) -> Vec<u8> {
    let number = |record: Record| match record {
        Record::Nothing => tree.len(),
        Record::Node(node) => node,
        Record::Data(offset) => tree.len() + 16 + offset,
    };
    tree.iter().flatten().flat_map(|record| to_u32(number(*record)).to_be_bytes()).collect()
}

fn encode(value: &Value, into: &mut Vec<u8>) {
    match value {
        Value::Object(members) => {
            control(7, members.len(), into);
            for (name, member) in members {
                encode(&json!(name), into);
                match member.as_u64() {
                    Some(number) => encode_number(name, number, into),
                    None => encode(member, into),
                }
            }
        }
        Value::Array(elements) => {
            // A type above 7 is written after the size, less 7.
            control(0, elements.len(), into);
            into.push(11 - 7);
            elements.iter().for_each(|element| encode(element, into));
        }
        Value::String(text) => {
            control(2, text.len(), into);
            into.extend(text.as_bytes());
        }
        other => {
            control(3, 8, into);
            into.extend(other.as_f64().expect("a number").to_be_bytes());
        }
    }
}

/// Each whole number has a type of its own, which readers insist on.
fn encode_number(name: &str, number: u64, into: &mut Vec<u8>) {
    match name {
        "build_epoch" => {
            control(0, 8, into);
            into.push(9 - 7);
            into.extend(number.to_be_bytes());
        }
        "autonomous_system_number" | "node_count" => {
            control(6, 4, into);
            into.extend(u32::try_from(number).expect("a small number").to_be_bytes());
        }
        _ => {
            control(5, 2, into);
            into.extend(u16::try_from(number).expect("a small number").to_be_bytes());
        }
    }
}

/// The byte that tells type and size; sizes from 29 on need another one.
fn control(kind: u8, size: usize, into: &mut Vec<u8>) {
    let size = u8::try_from(size).expect("a short value");
    into.push(kind << 5 | size.min(29));
    if size >= 29 {
        into.push(size - 29);
    }
}

fn to_u32(number: usize) -> u32 {
    u32::try_from(number).expect("a small file")
}

/// What a city file says of a network.
pub fn city(city: &str, region: &str, country: &str, latitude: f64, longitude: f64) -> Value {
    json!({
        "city": {"names": {"en": city}},
        "subdivisions": [{"iso_code": "X", "names": {"en": region}}],
        "country": {"iso_code": country, "names": {"en": "A country"}},
        "location": {"latitude": latitude, "longitude": longitude, "accuracy_radius": 20},
    })
}

/// What a network file says of a network.
pub fn asn(number: u32, organisation: &str) -> Value {
    json!({"autonomous_system_number": number, "autonomous_system_organization": organisation})
}

/// Writes a city and a network file for the networks of documentation (RFC 5737, RFC 3849); their paths.
pub fn example_files(folder: &Folder) -> (PathBuf, PathBuf) {
    let cities = address_file(
        "Example-City",
        &[
            ("192.0.2.0/24", city("Berlin", "Land Berlin", "DE", 52.52, 13.405)),
            ("198.51.100.0/24", city("Paris", "Île-de-France", "FR", 48.8566, 2.3522)),
            ("203.0.113.0/25", city("Potsdam", "Brandenburg", "DE", 52.4, 13.06)),
            ("2001:db8::/32", city("Munich", "Bavaria", "DE", 48.14, 11.58)),
        ],
    );
    let networks = address_file(
        "Example-ASN",
        &[
            ("192.0.2.0/24", asn(64500, "Example Networks")),
            ("198.51.100.0/24", asn(64501, "Réseaux d'exemple")),
            ("203.0.113.0/25", asn(64500, "Example Networks")),
            ("203.0.113.128/25", asn(64510, "Example Hosting <&> Co.")),
            ("2001:db8::/32", asn(64502, "Example Mobile")),
        ],
    );
    (folder.replace("city.mmdb", cities), folder.replace("asn.mmdb", networks))
}
