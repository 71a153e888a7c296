//! Geolocation of IP addresses from local MaxMind files; makes no network requests.

mod probe;
mod records;
mod value;
mod watched_file;

use std::collections::HashSet;
use std::net::IpAddr;

use self::probe::Subject;
use self::watched_file::WatchedFile;
use crate::config;
use crate::model::place::Place;

#[derive(Debug)]
pub struct Geo {
    cities: WatchedFile,
    networks: WatchedFile,
    hosting_asns: HashSet<u32>,
}

impl Geo {
    /// Knows nothing until the files are read.
    #[must_use]
    pub fn new(settings: &config::Geo) -> Self {
        Self {
            cities: WatchedFile::new(Subject::City, settings.city_file.clone()),
            networks: WatchedFile::new(Subject::Asn, settings.asn_file.clone()),
            hosting_asns: settings.hosting_asns.iter().copied().collect(),
        }
    }

    /// Whether there are files to read.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.cities.is_named() || self.networks.is_named()
    }

    /// Reads each file that has changed since it was last read. It may take seconds and keeps its thread busy. One
    /// that cannot be read is logged, and what it said before still holds.
    pub fn reread(&self) {
        self.cities.reread();
        self.networks.reread();
    }

    /// What operators must know about the files: which cannot be used, and why.
    #[must_use]
    pub fn troubles(&self) -> Vec<String> {
        [&self.cities, &self.networks].into_iter().filter_map(WatchedFile::trouble).collect()
    }

    /// The place of an address; `None` when nothing is known of it.
    #[must_use]
    pub fn place_of(&self, address: IpAddr) -> Option<Place> {
        let mut place = Place::default();
        self.cities.tell(address, &mut place);
        if self.networks.tell(address, &mut place) {
            place.is_hosting = place.asn.map(|asn| self.hosting_asns.contains(&asn));
        }
        (!place.is_unknown()).then_some(place)
    }
}
