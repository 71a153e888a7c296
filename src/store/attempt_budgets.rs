//! `attempt_budgets` and `attempt_holds`: what is spent of the guards against guessing, and what is reserved.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::Result;
use super::db::Db;
use super::due_rows::for_each_due_tenant;
use crate::model::attempt_budget::{Guard, LAPSE, Refill, holds_until};
use crate::model::ids::TenantId;

/// An attempt about to be judged, and the guards that it concerns.
#[derive(Clone, Debug)]
pub struct Hold {
    pub tenant: TenantId,
    /// Its identifier, a UUID of version 7 (RFC 9562 §5.7).
    pub id: Uuid,
    pub at: DateTime<Utc>,
    /// At which guards, and on which ways.
    pub guards: Guarded,
}

impl Hold {
    /// Returns what every hold is above that still counts.
    #[must_use]
    pub fn lapsed(&self) -> Uuid {
        holds_until(self.at - LAPSE)
    }
}

/// Guards and whose attempts they count, as statements take them.
#[derive(Clone, Debug, Default)]
pub struct Guarded {
    pub(in crate::store) names: Vec<String>,
    pub(in crate::store) subjects: Vec<String>,
    pub(in crate::store) capacities: Vec<f64>,
    pub(in crate::store) refills: Vec<f64>,
    pub(in crate::store) all_together: Vec<bool>,
    pub(in crate::store) ways: Vec<i32>,
}

/// The way on which every guard stands unless it is said otherwise.
pub const FIRST_WAY: i32 = 1;
/// The way that is taken where the first has no room.
pub const SECOND_WAY: i32 = 2;

impl Guarded {
    /// Adds a guard. `ways` are those on which an attempt is reserved there, as a sum; 0: it is only asked.
    #[must_use]
    pub fn and(mut self, guard: Guard, subject: impl Into<String>, ways: i32) -> Self {
        let (refill, all_together) = match guard.refill {
            Refill::AfterQuiet(quiet) => (quiet, true),
            Refill::OneEach(each) => (each, false),
        };
        self.names.push(guard.name.to_owned());
        self.subjects.push(subject.into());
        self.capacities.push(guard.capacity);
        self.refills.push(refill.as_seconds_f64());
        self.all_together.push(all_together);
        self.ways.push(ways);
        self
    }

    /// Keeps the guards of one way only.
    #[must_use]
    pub fn of_way(&self, way: i32) -> Self {
        let kept = |index: &usize| self.ways[*index] & way != 0;
        let places: Vec<usize> = (0..self.names.len()).filter(kept).collect();
        Self {
            names: places.iter().map(|at| self.names[*at].clone()).collect(),
            subjects: places.iter().map(|at| self.subjects[*at].clone()).collect(),
            capacities: places.iter().map(|at| self.capacities[*at]).collect(),
            refills: places.iter().map(|at| self.refills[*at]).collect(),
            all_together: places.iter().map(|at| self.all_together[*at]).collect(),
            ways: places.iter().map(|at| self.ways[*at]).collect(),
        }
    }

    pub(in crate::store) fn append(&mut self, other: &Self) {
        self.names.extend_from_slice(&other.names);
        self.subjects.extend_from_slice(&other.subjects);
        self.capacities.extend_from_slice(&other.capacities);
        self.refills.extend_from_slice(&other.refills);
        self.all_together.extend_from_slice(&other.all_together);
        self.ways.extend_from_slice(&other.ways);
    }

    pub(in crate::store) const fn len(&self) -> usize {
        self.names.len()
    }

    /// Returns guard and subject of each.
    pub fn each(&self) -> impl Iterator<Item = (&str, &str)> {
        self.names.iter().map(String::as_str).zip(self.subjects.iter().map(String::as_str))
    }
}

/// Attempts to refund: a guard and a subject for each hold.
#[derive(Clone, Debug, Default)]
pub struct GivenBack {
    pub(in crate::store) guards: Vec<String>,
    pub(in crate::store) subjects: Vec<String>,
    pub(in crate::store) holds: Vec<Uuid>,
    pub(in crate::store) ends_row: Vec<bool>,
}

impl GivenBack {
    /// Adds one. `ends_row`: all that was spent there is forgotten.
    pub fn add(&mut self, guard: &str, subject: &str, hold: Uuid, ends_row: bool) {
        self.guards.push(guard.to_owned());
        self.subjects.push(subject.to_owned());
        self.holds.push(hold);
        self.ends_row.push(ends_row);
    }

    /// Adds those of another attempt that are not among these.
    pub(in crate::store) fn append(&mut self, other: &Self) {
        let each = other.guards.iter().zip(&other.subjects).zip(&other.holds).zip(&other.ends_row);
        for (((guard, subject), hold), ends_row) in each {
            if !self.contains(guard, subject, *hold) {
                self.add(guard, subject, *hold, *ends_row);
            }
        }
    }

    /// Returns `true` if there is nothing to refund.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.holds.is_empty()
    }

    /// Whether this is one of them.
    #[must_use]
    pub fn contains(&self, guard: &str, subject: &str, hold: Uuid) -> bool {
        let each = self.holds.iter().zip(&self.guards).zip(&self.subjects);
        each.into_iter().any(|((id, name), of)| *id == hold && name == guard && of == subject)
    }
}

/// The guards' answer to an attempt.
#[derive(Clone, Debug)]
pub struct Quotes {
    /// The way on which it was reserved; 0: it was not.
    pub way: i32,
    /// How long it takes until each guard has room; `None`: it has.
    pub waits: Vec<Option<TimeDelta>>,
}

impl Quotes {
    pub(in crate::store) fn read(way: i32, waits: Vec<Option<f64>>) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "some minutes, in milliseconds")]
        let wait = |seconds: f64| TimeDelta::milliseconds((seconds * 1000.0).round() as i64);
        Self { way, waits: waits.into_iter().map(|seconds| seconds.map(wait)).collect() }
    }
}

/// Reserves an attempt at all guards of the first way with room, for all servers together, or at none; and gives others
/// back before.
pub async fn reserve(db: impl PgExecutor<'_>, hold: &Hold, back: &GivenBack) -> Result<Quotes> {
    let guards = &hold.guards;
    let row = sqlx::query!(
        r#"SELECT way AS "way!", waits AS "waits!: Vec<Option<f64>>"
           FROM reserve_attempt($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"#,
        hold.tenant.0,
        hold.id,
        hold.at,
        hold.lapsed(),
        LAPSE.as_seconds_f64(),
        &guards.names,
        &guards.subjects,
        &guards.capacities,
        &guards.refills,
        &guards.all_together,
        &guards.ways,
        &back.guards,
        &back.subjects,
        &back.holds,
        &back.ends_row
    )
    .fetch_one(db)
    .await?;
    Ok(Quotes::read(row.way, row.waits))
}

/// Spends what an attempt has reserved, because it was wrong. Last in a transaction: the budgets stay locked until it
/// ends.
pub async fn charge(db: impl PgExecutor<'_>, hold: &Hold) -> Result<()> {
    let guards = &hold.guards;
    sqlx::query!(
        "SELECT charge_attempt($1, $2, $3, $4, $5, $6, $7, $8)",
        hold.tenant.0,
        hold.id,
        hold.at,
        hold.lapsed(),
        &guards.names,
        &guards.subjects,
        &guards.refills,
        &guards.all_together
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Refunds attempts that were right, or that were not answered. Doing it twice has the same effect as once.
pub async fn give_back(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    back: &GivenBack,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "SELECT give_back_attempts($1, $2, $3, $4, $5, $6)",
        tenant.0,
        now,
        &back.guards,
        &back.subjects,
        &back.holds,
        &back.ends_row
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes a batch of budgets that were not used since `before`, when all attempts are restored. Rows of consecutive
/// failures are kept until `rows_before`.
pub async fn delete_untouched(db: &Db, before: DateTime<Utc>, rows_before: DateTime<Utc>) -> Result<u64> {
    for_each_due_tenant!(
        db,
        r#"SELECT tenant_id AS "tenant_id!", min(at) AS "first!", max(at) AS "last!"
           FROM (SELECT tenant_id, updated_at AS at FROM attempt_budgets WHERE updated_at < $1 AND (guard NOT LIKE '%/row' OR updated_at < $2)
                 ORDER BY updated_at LIMIT 1000) AS oldest
           GROUP BY tenant_id"#,
        [before, rows_before],
        "DELETE FROM attempt_budgets WHERE tenant_id = $1 AND (guard, subject) IN (
             SELECT guard, subject FROM attempt_budgets WHERE tenant_id = $1 AND updated_at BETWEEN $2 AND $3
               AND (guard NOT LIKE '%/row' OR updated_at < $4)
             ORDER BY updated_at LIMIT 1000 FOR UPDATE SKIP LOCKED)",
        [rows_before],
    )
}

/// Deletes a batch of the rows where nothing was reserved since `before`, which is long ago.
pub async fn delete_lapsed(db: &Db, before: DateTime<Utc>) -> Result<u64> {
    for_each_due_tenant!(
        db,
        r#"SELECT tenant_id AS "tenant_id!", min(at) AS "first!", max(at) AS "last!"
           FROM (SELECT tenant_id, touched_at AS at FROM attempt_holds WHERE touched_at < $1
                 ORDER BY touched_at LIMIT 1000) AS oldest
           GROUP BY tenant_id"#,
        [before],
        "DELETE FROM attempt_holds WHERE tenant_id = $1 AND (guard, subject) IN (
             SELECT guard, subject FROM attempt_holds WHERE tenant_id = $1 AND touched_at BETWEEN $2 AND $3
             ORDER BY touched_at LIMIT 1000 FOR UPDATE SKIP LOCKED)",
        [],
    )
}
