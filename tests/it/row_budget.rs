//! What an operation writes: rows, index entries and bytes of the write-ahead log. All of it is read from the log itself,
//! on a cluster where no one else writes, with full-page writes off and one operation at a time.

use std::collections::{BTreeMap, BTreeSet};

use latchkey::embedded_postgres::{Cluster, ClusterSettings, Durability};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, FromRow, PgConnection};

use crate::support::{Device, Person, Started, TestServer, database, scratch};

const SCOPE: &str = "openid offline_access";
/// How often each operation is done. The median counts: now and then a page is split or cleared up.
const LOGINS: usize = 9;

/// A cluster of the test's own.
struct OwnCluster {
    settings: ClusterSettings,
    cluster: Option<Cluster>,
}

impl OwnCluster {
    async fn start() -> (Self, PgConnection) {
        database::require_programs();
        let settings = ClusterSettings {
            data_dir: scratch::place("budget"),
            bin_dir: None,
            max_connections: 40,
            durability: Durability::Throwaway,
        };
        let cluster = Cluster::start(&settings).await.expect("a cluster");
        let mut admin = Self::connect(&cluster).await;
        for setting in ["shared_preload_libraries = 'pg_stat_statements'", "autovacuum = off"] {
            let sql = sqlx::AssertSqlSafe(format!("ALTER SYSTEM SET {setting}"));
            sqlx::query(sql).execute(&mut admin).await.expect("a setting");
        }
        drop(admin);
        cluster.stop().await.expect("the cluster stops");
        let cluster = Cluster::start(&settings).await.expect("the cluster starts again");
        let mut admin = Self::connect(&cluster).await;
        for extension in ["pg_walinspect", "pg_stat_statements"] {
            let sql = sqlx::AssertSqlSafe(format!("CREATE EXTENSION {extension}"));
            sqlx::query(sql).execute(&mut admin).await.expect("PostgreSQL 15 or later, with its extensions");
        }
        (Self { settings, cluster: Some(cluster) }, admin)
    }

    fn superuser(cluster: &Cluster) -> PgConnectOptions {
        cluster.connect_options().username("postgres")
    }

    async fn connect(cluster: &Cluster) -> PgConnection {
        PgConnection::connect_with(&Self::superuser(cluster)).await.expect("the cluster answers")
    }

    fn options(&self) -> PgConnectOptions {
        self.cluster.as_ref().map(Self::superuser).expect("it runs")
    }
}

impl Drop for OwnCluster {
    fn drop(&mut self) {
        drop(self.cluster.take());
        let _ = std::fs::remove_dir_all(&self.settings.data_dir);
    }
}

/// A record of the log.
#[derive(Debug, FromRow)]
struct Record {
    xid: String,
    manager: String,
    kind: String,
    bytes: i64,
    /// The table or index, if it is one of ours.
    relation: Option<String>,
    /// The table, if it is an index.
    table: Option<String>,
}

/// What a deed wrote.
#[derive(Debug, Default)]
struct Written {
    statements: i64,
    bytes: i64,
    /// Rows of each table.
    rows: BTreeMap<String, usize>,
    /// Entries in the indexes of each table.
    entries: BTreeMap<String, usize>,
    /// How many of the rows are updates that wrote no index.
    hot: usize,
}

impl Written {
    /// Counts the transactions of a deed: those that write to one of its tables. Whatever the server does by itself
    /// meanwhile, such as sealing, writes to others.
    fn count(records: &[Record], statements: i64) -> Self {
        let is_of_deed = |record: &&Record| {
            let relation = record.relation.as_deref().unwrap_or_default();
            record.xid != "0" && ["device_authorizations", "devices", "audit_events"].contains(&relation)
        };
        let ours: BTreeSet<_> = records.iter().filter(is_of_deed).map(|record| &record.xid).collect();
        let mut written = Self { statements, ..Self::default() };
        for record in records.iter().filter(|record| ours.contains(&record.xid)) {
            written.bytes += record.bytes;
            let kind = record.kind.trim_end_matches("+INIT");
            let Some(relation) = record.relation.clone() else { continue };
            match (record.manager.as_str(), kind) {
                ("Heap", "INSERT" | "UPDATE" | "HOT_UPDATE" | "DELETE") => {
                    *written.rows.entry(relation).or_default() += 1;
                    written.hot += usize::from(kind == "HOT_UPDATE");
                }
                ("Btree", "INSERT_LEAF" | "INSERT_POST" | "SPLIT_L" | "SPLIT_R") => {
                    *written.entries.entry(record.table.clone().unwrap_or(relation)).or_default() += 1;
                }
                _ => {}
            }
        }
        written
    }

    fn entries(&self) -> usize {
        self.entries.values().sum()
    }
}

struct Bench {
    server: TestServer,
    admin: PgConnection,
    tv: Device,
    ada: Person,
    _cluster: OwnCluster,
}

impl Bench {
    async fn build() -> Self {
        let (cluster, admin) = OwnCluster::start().await;
        let server = Box::pin(TestServer::on_database(cluster.options(), |config| {
            config.rate_limits.enabled = false;
        }))
        .await;
        let (tv, ada) = (server.tv().await, server.ada().await);
        Self { server, admin, tv, ada, _cluster: cluster }
    }

    async fn position(&mut self) -> (String, i64) {
        sqlx::query_as(
            "SELECT pg_current_wal_insert_lsn()::text, coalesce(sum(calls), 0)::bigint FROM pg_stat_statements
             WHERE toplevel AND query !~ 'pg_current_wal_insert_lsn|pg_logical_emit_message|pg_get_wal_records_info'",
        )
        .fetch_one(&mut self.admin)
        .await
        .expect("a position")
    }

    /// What was written since.
    async fn since(&mut self, (begin, calls): (String, i64)) -> Written {
        let (end, calls_now) = self.position().await;
        // Nothing is read of the log that is not in its file.
        sqlx::raw_sql("SET synchronous_commit = on; SELECT pg_logical_emit_message(true, 'latchkey', '')")
            .execute(&mut self.admin)
            .await
            .expect("the log is written");
        let records: Vec<Record> = sqlx::query_as(
            "SELECT xid, manager, kind, bytes, c.relname::text AS relation, t.relname::text AS table
             FROM (SELECT xid::text, resource_manager AS manager, record_type AS kind,
                          (record_length + 7) / 8 * 8::bigint AS bytes,
                          (regexp_match(block_ref, 'rel \\d+/\\d+/(\\d+)'))[1]::oid AS node
                   FROM pg_get_wal_records_info($1::pg_lsn, $2::pg_lsn)) AS records
             LEFT JOIN pg_class c ON pg_relation_filenode(c.oid) = node AND c.relnamespace = 'public'::regnamespace
             LEFT JOIN pg_index i ON i.indexrelid = c.oid
             LEFT JOIN pg_class t ON t.oid = i.indrelid",
        )
        .bind(begin)
        .bind(end)
        .fetch_all(&mut self.admin)
        .await
        .expect("the log can be read");
        Written::count(&records, calls_now - calls)
    }

    async fn start(&self) -> Started {
        let said = [("device_name", "Living room TV"), ("os", "Linux"), ("client_version", "1.0")];
        let answer = self.tv.ask(&[&said[..], &[("scope", SCOPE)]].concat()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        Started {
            device_code: answer.string("device_code"),
            user_code: answer.string("user_code"),
            verification_uri: answer.string("verification_uri"),
            verification_uri_complete: answer.string("verification_uri_complete"),
        }
    }

    /// What a start, the decision on it, its redemption and the first refresh write.
    async fn login(&mut self, decision: &str) -> Vec<Written> {
        let mut all = Vec::new();
        let before = self.position().await;
        let started = self.start().await;
        all.push(self.since(before).await);
        let consent = self.ada.open(&started.user_code).await;
        let before = self.position().await;
        self.ada.decide(&consent, decision).await;
        all.push(self.since(before).await);
        if decision == "deny" {
            return all;
        }
        self.server.hear_all().await;
        let before = self.position().await;
        let tokens = self.tv.poll(&started).await;
        all.push(self.since(before).await);
        tokens.must_be_tokens();
        let before = self.position().await;
        self.tv.refresh(&tokens.string("refresh_token")).await.must_be_tokens();
        all.push(self.since(before).await);
        all
    }

    /// The middle of what each of these deeds writes.
    async fn logins(&mut self, decision: &str) -> Vec<Written> {
        let mut deeds: Vec<Vec<Written>> = Vec::new();
        for _ in 0..LOGINS {
            for (nth, written) in self.login(decision).await.into_iter().enumerate() {
                if deeds.len() <= nth {
                    deeds.push(Vec::new());
                }
                deeds[nth].push(written);
            }
        }
        let middle = |mut all: Vec<Written>| {
            all.sort_by_key(|written| written.bytes);
            // What the server does by itself meanwhile is counted too, now and then.
            let statements = all.iter().map(|written| written.statements).min().unwrap_or_default();
            Written { statements, ..all.swap_remove(LOGINS / 2) }
        };
        deeds.into_iter().map(middle).collect()
    }
}

/// What a deed may write.
struct Budget {
    rows: &'static [&'static str],
    entries: usize,
    bytes: i64,
}

impl Written {
    fn must_keep(&self, deed: &str, budget: &Budget) {
        // The list of events without a seal is the one small entry that an event may cost beside its row.
        let rows: Vec<_> = self.rows.iter().filter(|(table, _)| *table != "audit_unsealed").collect();
        let found: Vec<_> = rows.iter().map(|(table, _)| table.as_str()).collect();
        // docs/benchmarks.md has these figures.
        println!("{deed}: {} index entries, {} bytes of log", self.entries(), self.bytes);
        assert_eq!(found, budget.rows, "{deed}: {self:#?}");
        assert!(rows.iter().all(|(_, count)| **count == 1), "{deed}: {self:#?}");
        assert!(self.entries() <= budget.entries, "{deed}: {self:#?}");
        assert!(self.bytes <= budget.bytes, "{deed}: {self:#?}");
    }
}

const START: Budget = Budget { rows: &["device_authorizations"], entries: 4, bytes: 800 };
const DECISION: Budget =
    Budget { rows: &["audit_events", "device_authorizations"], entries: 8, bytes: 2_000 };
const REDEMPTION: Budget =
    Budget { rows: &["audit_events", "device_authorizations", "devices"], entries: 11, bytes: 1_900 };
const REFRESH: Budget = Budget { rows: &["audit_events", "devices"], entries: 4, bytes: 900 };

#[tokio::test]
async fn a_deed_writes_no_more_than_its_budget() {
    let mut bench = Box::pin(Bench::build()).await;
    let written = bench.logins("approve").await;
    let denied = bench.logins("deny").await;
    let deeds = ["start", "approval", "redemption", "refresh"];
    for ((deed, written), budget) in
        deeds.into_iter().zip(&written).zip([START, DECISION, REDEMPTION, REFRESH])
    {
        written.must_keep(deed, &budget);
    }
    denied[1].must_keep("denial", &DECISION);
    for (deed, nth) in [("start", 0), ("redemption", 2), ("refresh", 3)] {
        assert_eq!(written[nth].statements, 1, "{deed}: {:#?}", written[nth]);
    }
    assert_eq!((written[3].hot, written[3].rows["devices"]), (1, 1), "a refresh writes an index of devices");
}
