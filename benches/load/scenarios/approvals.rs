//! Approvals of one tenant at two servers, by the distance to their database: a person enters a code and approves it, by
//! the consent API.

mod living;

use std::time::Duration;

use tokio::task::JoinSet;

use super::{LOGGED, Stage};
use crate::Fault;
use crate::child::Server;
use crate::cores;
use crate::database::people;
use crate::figures::{median, percentile};
use crate::household::{self, Household, Person};
use crate::link::{self, Link};
use crate::options::Role;
use crate::roles::serve::ServeInstructions;
use living::{Deeds, Life};

/// A round trip to the database in milliseconds, and how many connections each of two servers has: as many as keep the
/// machine at work. A deed holds none between its statements, so a server has about as many deeds under way as it has
/// connections.
const DISTANCES: [(u64, u32); 4] = [(0, 16), (2, 32), (10, 64), (200, 64)];
/// Those of a quick run.
const QUICK_DISTANCES: [(u64, u32); 2] = [(0, 16), (10, 32)];
/// How many servers.
const SERVERS: usize = 2;
/// How many people take turns in one place.
const PEOPLE: usize = 4;
/// How many round trips an approval takes: four to see what the code asks for, five to approve it.
const TRIPS: u32 = 9;
/// How many approvals there are for each connection before the first that counts: a connection plans each statement once,
/// and each takes another connection.
const COLD: usize = 8;
/// How many people sign in at once: fewer than the servers' cores check passwords of.
const SIGN_INS_AT_ONCE: usize = 16;

/// Approvals at one distance.
#[derive(Clone, Debug)]
pub(crate) struct Distance {
    /// The round trip to the database that was asked for, in milliseconds.
    pub(crate) round_trip_ms: u64,
    /// What a statement took, in milliseconds.
    pub(crate) measured_ms: f64,
    /// Connections to the database, of both servers together.
    pub(crate) connections: u32,
    /// People at once.
    pub(crate) people: usize,
    /// Approvals a second of codes that were there: entry and decision.
    pub(crate) per_second: f64,
    /// The same with the start.
    pub(crate) with_start_per_second: f64,
    /// Processor time of both servers for an approval, in microseconds.
    pub(crate) server_us: f64,
    /// Processor time of the database server, where it can be seen.
    pub(crate) postgres_us: Option<f64>,
    /// How long entries took.
    pub(crate) entry: Times,
    /// How long decisions took.
    pub(crate) decision: Times,
    /// How long sign-ins took.
    pub(crate) sign_in: Times,
    /// The longest of all while connections still planned their statements, in milliseconds.
    pub(crate) longest_cold_ms: f64,
    /// Wrong answers.
    pub(crate) failed: usize,
}

/// How long something took, in milliseconds.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_field_names, reason = "as all figures in milliseconds are named")]
pub(crate) struct Times {
    /// Half of them.
    pub(crate) p50_ms: f64,
    /// All but one in a hundred.
    pub(crate) p99_ms: f64,
    /// The longest.
    pub(crate) longest_ms: f64,
}

/// What was found.
#[derive(Clone, Debug)]
pub(crate) struct Approvals {
    /// Each distance.
    pub(crate) distances: Vec<Distance>,
    /// Bytes of write-ahead log from the entry to the decision; `None` on a cluster that is not the tool's own.
    pub(crate) log_bytes: Option<f64>,
}

impl Times {
    /// Of so many microseconds each.
    pub(crate) fn of(micros: &[u32]) -> Self {
        let longest_ms = percentile(micros, 1.0);
        Self { p50_ms: percentile(micros, 0.50), p99_ms: percentile(micros, 0.99), longest_ms }
    }
}

impl Distance {
    /// The longest sign-in, entry or decision, in milliseconds.
    pub(crate) fn longest_ms(&self) -> f64 {
        self.sign_in.longest_ms.max(self.entry.longest_ms).max(self.decision.longest_ms)
    }
}

/// Measures approvals at each distance. All of the machine works for it, on whichever core.
pub(crate) async fn measure(stage: &mut Stage) -> Result<Approvals, Fault> {
    let postmaster = stage.databases.postmaster().filter(|_| stage.databases.is_private());
    cores::share()?;
    postmaster.map(cores::bring).transpose()?;
    let (mut distances, mut log_bytes) = (Vec::new(), None);
    let asked = if stage.extent.is_quick { &QUICK_DISTANCES[..] } else { &DISTANCES[..] };
    for (round_trip_ms, connections) in asked.iter().copied() {
        let site = Site::open(stage, round_trip_ms, connections).await?;
        if log_bytes.is_none() {
            log_bytes = site.log_bytes(stage).await?;
        }
        distances.push(site.measure(stage).await?);
        site.close()?;
    }
    cores::divide()?;
    postmaster.map(cores::bring).transpose()?;
    Ok(Approvals { distances, log_bytes })
}

/// Two servers, so far from their database.
struct Site {
    round_trip: Duration,
    measured_ms: f64,
    connections: u32,
    servers: Vec<Server>,
    /// Last, so that servers end while it works.
    _link: Option<Link>,
}

impl Site {
    async fn open(stage: &Stage, round_trip_ms: u64, connections: u32) -> Result<Self, Fault> {
        let near = stage.databases.served.url.as_str();
        let round_trip = Duration::from_millis(round_trip_ms);
        let link = if round_trip.is_zero() { None } else { Some(Link::to_database(near, round_trip / 2)?) };
        let url = link.as_ref().map_or(near, |link| link.url.as_str());
        let measured_ms = link::round_trip_ms(url).await?;
        let instructions = ServeInstructions {
            database_url: url.to_owned(),
            poll_interval_seconds: 5,
            max_connections: Some(connections),
            is_in_trouble: false,
        };
        let servers: Result<Vec<_>, _> =
            (0..SERVERS).map(|_| Server::start(Role::Serve, &instructions)).collect();
        Ok(Self { round_trip, measured_ms, connections, servers: servers?, _link: link })
    }

    fn close(self) -> Result<(), Fault> {
        self.servers.into_iter().try_for_each(Server::stop)
    }

    /// So many places, each at the next server.
    async fn households(&self, stage: &Stage, count: usize) -> Result<Vec<Household>, Fault> {
        let secrets = people::sign_in(&stage.databases.served.pool, 0..count * PEOPLE).await?;
        let households = secrets.chunks(PEOPLE).zip(self.servers.iter().cycle()).enumerate();
        households
            .map(|(number, (people, server))| {
                Household::new(number, server.address, people.iter().map(Person::new).collect())
            })
            .collect()
    }

    /// The bytes of write-ahead log from the entry to the decision, one approval at a time: the median.
    async fn log_bytes(&self, stage: &Stage) -> Result<Option<f64>, Fault> {
        if !stage.databases.is_private() {
            return Ok(None);
        }
        let mut household = self.households(stage, 1).await?.pop().ok_or("nobody is at home")?;
        let mut bytes = Vec::new();
        for _ in 0..LOGGED {
            let code = household.start().await?.user_code;
            let before = stage.databases.log_position().await?;
            household.enter(&code).await?;
            household.approve(&code).await?;
            #[expect(clippy::cast_precision_loss, reason = "some thousand bytes")]
            bytes.push((stage.databases.log_position().await? - before) as f64);
        }
        Ok(Some(median(bytes)))
    }

    async fn measure(&self, stage: &Stage) -> Result<Distance, Fault> {
        let connections = self.connections * u32::try_from(SERVERS)?;
        let people = stage.extent.connections.unwrap_or(usize::try_from(connections)?);
        let people = people.min(people::USERS / PEOPLE);
        let households = self.households(stage, people).await?;
        let limit = (stage.extent.round * 2).max(self.round_trip * 20);
        let cold = COLD * usize::try_from(connections)?;
        let life = Life { warm_up: stage.extent.round / 2, cold, limit, usage: &|| self.usage(stage) };

        // The first rounds of a distance are the cold ones: each connection plans each statement once.
        let (households, whole) = life.live(households, None).await?;
        let supply = self.supply(stage, people, limit);
        let warm_up = (self.round_trip * 10).max(Duration::from_millis(300));
        let (_, approved) = Life { warm_up, cold: 0, ..life }.live(households, Some(supply)).await?;
        let sign_ins = self.sign_ins(4 * usize::try_from(connections)?).await?;
        let (cold_sign_ins, sign_ins) = sign_ins.split_at(sign_ins.len() * 3 / 4);
        let both = [&whole, &approved];
        for deeds in both {
            super::complain(&deeds.failures);
        }
        let of_both = |times: fn(&Deeds) -> &Vec<u32>| {
            Times::of(&both.iter().flat_map(|deeds| times(deeds)).copied().collect::<Vec<_>>())
        };
        let each = |micros: f64| micros / approved.approvals();
        Ok(Distance {
            round_trip_ms: u64::try_from(self.round_trip.as_millis())?,
            measured_ms: self.measured_ms,
            connections,
            people,
            per_second: approved.per_second(),
            with_start_per_second: whole.per_second(),
            server_us: each(approved.server_us),
            postgres_us: approved.postgres_us.map(each),
            entry: of_both(|deeds| &deeds.entries),
            decision: of_both(|deeds| &deeds.decisions),
            sign_in: Times::of(sign_ins),
            longest_cold_ms: percentile(&whole.cold, 1.0).max(percentile(cold_sign_ins, 1.0)),
            failed: both.iter().map(|deeds| deeds.failures.values().sum::<usize>()).sum(),
        })
    }

    /// Signs people in, some at once; how many microseconds each took, in their order.
    async fn sign_ins(&self, count: usize) -> Result<Vec<u32>, Fault> {
        let mut micros = Vec::new();
        let mut under_way = JoinSet::new();
        for user in 0..count {
            if under_way.len() == SIGN_INS_AT_ONCE {
                micros.extend(under_way.join_next().await.transpose()?.transpose()?);
            }
            let server = self.servers[user % SERVERS].address;
            under_way.spawn(async move {
                let took = household::sign_in(server, user % people::USERS).await?;
                Ok::<u32, Fault>(u32::try_from(took.as_micros())?)
            });
        }
        while let Some(took) = under_way.join_next().await {
            micros.push(took??);
        }
        Ok(micros)
    }

    /// How many codes each place needs before, so that time is up before they are used up, if the database is far.
    fn supply(&self, stage: &Stage, people: usize, limit: Duration) -> usize {
        let most = stage.extent.supply / people;
        let one = (self.round_trip * TRIPS).max(Duration::from_millis(1));
        let needed = (limit + self.round_trip * 10).as_micros() / one.as_micros();
        usize::try_from(needed).unwrap_or(usize::MAX).saturating_add(2).min(most)
    }

    fn usage(&self, stage: &Stage) -> living::Usage {
        living::Usage {
            servers: self.servers.iter().map(Server::cpu).collect(),
            postgres: stage.databases.cpu(),
        }
    }
}
