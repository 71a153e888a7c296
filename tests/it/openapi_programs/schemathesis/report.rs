//! What Schemathesis did, from its own report.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

/// With which statuses each operation was answered.
pub struct Report(BTreeMap<String, BTreeSet<u64>>);

impl Report {
    /// Reads the events of a report, one in each line.
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).expect("the report is written");
        let mut answered: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
        for line in text.lines() {
            let event: Value = serde_json::from_str(line).expect("JSON");
            let recorder = &event["ScenarioFinished"]["recorder"];
            let Some(operation) = recorder["label"].as_str() else { continue };
            let statuses = answered.entry(operation.to_owned()).or_default();
            for interaction in recorder["interactions"].as_object().into_iter().flat_map(|all| all.values()) {
                // Other methods are tried with the path, too, to see that they are refused.
                let method = interaction["request"]["method"].as_str().expect("a method");
                if operation.split(' ').next() == Some(method) {
                    statuses.extend(interaction["response"]["status_code"].as_u64());
                }
            }
        }
        assert!(!answered.is_empty(), "nothing was asked");
        Self(answered)
    }

    /// The operations that were done at least once.
    fn done(&self) -> Vec<&str> {
        let done = self.0.iter().filter(|(_, statuses)| statuses.range(200..300).next().is_some());
        done.map(|(operation, _)| operation.as_str()).collect()
    }

    /// Insists that every operation was done, but for those of which Schemathesis cannot know what they need.
    #[track_caller]
    pub fn must_have_succeeded_but_for(&self, out_of_reach: &[&str]) {
        let done = self.done();
        let refused = self.0.iter().filter(|(operation, _)| {
            !done.contains(&operation.as_str()) && !out_of_reach.contains(&operation.as_str())
        });
        let refused: Vec<_> = refused.collect();
        assert!(refused.is_empty(), "never answered with 2xx: {refused:#?}");
    }

    /// Insists that no operation was done.
    #[track_caller]
    pub fn must_not_have_succeeded(&self) {
        assert_eq!(self.done(), [""; 0]);
    }
}
