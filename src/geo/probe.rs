//! Whether a file says what it was named for. A file about networks in the place of one about cities, or one in a layout
//! that is not known, answers every question with nothing, and would silently switch off every rule about places.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use maxminddb::{LookupResult, MaxMindDbError, Reader, WithinOptions};

use super::records;
use super::value::Value;
use crate::model::place::Place;

/// How many of a file's networks are looked at from the beginning, and as many addresses all over it.
const SAMPLE: u32 = 4_096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    City,
    Asn,
}

/// What was found in a sample of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Finding {
    /// How many records were looked at.
    pub(super) records: u32,
    /// How many say what is wanted.
    pub(super) useful: u32,
    /// How many say what the other file is for.
    other: u32,
    /// How many could not be read.
    pub(super) broken: u32,
}

/// Why a file is not used.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProbeError {
    /// It is no whole file of this format.
    #[error(transparent)]
    Broken(#[from] MaxMindDbError),
    #[error("database_type {kind}: none of {records} records has {wanted}; {advice}")]
    OtherSubject { kind: String, records: u32, wanted: &'static str, advice: &'static str },
}

impl Subject {
    /// The word in metrics and logs.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::City => "city",
            Self::Asn => "asn",
        }
    }

    const fn wanted(self) -> &'static str {
        match self {
            Self::City => "a country or coordinates",
            Self::Asn => "the number of a network",
        }
    }

    /// Adds what a record says. Returns `true` if it says what is wanted.
    pub(super) fn tell(self, record: &Value<'_>, place: &mut Place) -> bool {
        match self {
            Self::City => records::tell_city(record, place),
            Self::Asn => records::tell_network(record, place),
        }
    }
}

/// Looks at a sample of the records.
pub(super) fn probe(reader: &Reader<Vec<u8>>, subject: Subject) -> Result<Finding, ProbeError> {
    let mut finding = Finding::default();
    for network in reader.networks(WithinOptions::default())?.take(SAMPLE as usize) {
        finding.add(&network?, subject);
    }
    for address in spread(reader.metadata().ip_version) {
        if let Ok(found) = reader.lookup(address) {
            finding.add(&found, subject);
        }
    }
    if finding.useful > 0 {
        return Ok(finding);
    }
    let advice = match subject {
        _ if finding.records == 0 => "the file is empty",
        Subject::City if finding.other > 0 => "it belongs to geo.asn_file",
        Subject::Asn if finding.other > 0 => "it belongs to geo.city_file",
        _ => "its layout is unknown",
    };
    let kind = reader.metadata().database_type.clone();
    Err(ProbeError::OtherSubject { kind, records: finding.records, wanted: subject.wanted(), advice })
}

impl Finding {
    fn add(&mut self, found: &LookupResult<'_, Vec<u8>>, subject: Subject) {
        let other = match subject {
            Subject::City => Subject::Asn,
            Subject::Asn => Subject::City,
        };
        match found.decode::<Value<'_>>() {
            Ok(None) => {}
            Ok(Some(record)) => {
                self.records += 1;
                self.useful += u32::from(subject.tell(&record, &mut Place::default()));
                self.other += u32::from(other.tell(&record, &mut Place::default()));
            }
            Err(_) => {
                self.records += 1;
                self.broken += 1;
            }
        }
    }

    /// Returns `true` if so few records say what is wanted that the file is hardly the right one.
    pub(super) fn is_poor(self) -> bool {
        self.useful.saturating_mul(2) < self.records
    }
}

/// Addresses all over the internet: of IPv4, and of what is given out of IPv6.
fn spread(ip_version: u16) -> impl Iterator<Item = IpAddr> {
    let v4 = (0..SAMPLE).map(|nth| IpAddr::from(Ipv4Addr::from_bits(nth << 20 | 0x0001_0101)));
    let v6 =
        (0..SAMPLE).map(|nth| IpAddr::from(Ipv6Addr::from_bits((0x2000_0000 | u128::from(nth) << 16) << 96)));
    v4.chain(v6.filter(move |_| ip_version == 6))
}
