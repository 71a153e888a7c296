//! The whole life of a login: start, two polls that are told to wait, approval, redemption, and one refresh.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use sqlx::PgPool;
use tokio::task::LocalSet;

use super::{Stage, UNHURRIED};
use crate::Fault;
use crate::connection::Connection;
use crate::database::counters::PerRequest;
use crate::database::seed;
use crate::device;
use crate::drive::Tally;
use crate::figures::{Cost, Round};

/// What a login costs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Login {
    /// All five requests and the approval's statement together.
    pub(crate) cost: Cost,
    /// Statements and rows.
    pub(crate) counted: PerRequest,
    /// Devices at once.
    pub(crate) connections: usize,
}

/// Measures whole logins.
pub(crate) async fn measure(stage: &mut Stage) -> Result<Login, Fault> {
    let connections = stage.extent.connections.unwrap_or(16);
    let before = stage.counts().await?;
    let server = stage.server(UNHURRIED)?;
    let (mut rounds, mut logins) = (Vec::new(), 0);
    for number in 0..=stage.extent.rounds {
        let limit = if number == 0 { Duration::from_millis(300) } else { stage.extent.round };
        let (cpu, postgres) = (server.cpu(), stage.databases.cpu());
        let tally = live(server.address, &stage.databases.served.pool, connections, limit).await?;
        let postgres_us =
            stage.databases.cpu().zip(postgres).map(|(after, before)| after.micros_since(before));
        logins += tally.requests();
        if number > 0 {
            rounds.push(Round { tally, server_us: server.cpu().micros_since(cpu), postgres_us });
        }
    }
    server.stop()?;
    let counted = stage.counts().await?.since(before).over(logins);
    Ok(Login { cost: Cost::of(&rounds), counted, connections })
}

async fn live(server: SocketAddr, db: &PgPool, devices: usize, limit: Duration) -> Result<Tally, Fault> {
    let begin = Instant::now();
    let is_over = Rc::new(Cell::new(false));
    let local = LocalSet::new();
    let running: Vec<_> = (0..devices)
        .map(|_| {
            let (db, is_over) = (db.clone(), Rc::clone(&is_over));
            local.spawn_local(async move {
                let mut connection = Connection::open(server).await?;
                let mut latencies = Vec::new();
                while !is_over.get() && begin.elapsed() < limit {
                    let started = Instant::now();
                    one(&mut connection, &db).await.inspect_err(|_| is_over.set(true))?;
                    latencies.push(u32::try_from(started.elapsed().as_micros()).unwrap_or(u32::MAX));
                }
                Ok::<_, Fault>(latencies)
            })
        })
        .collect();
    let mut tally = Tally::default();
    local
        .run_until(async {
            for device in running {
                tally.latencies.extend(device.await??);
            }
            Ok::<_, Fault>(())
        })
        .await?;
    tally.elapsed = begin.elapsed();
    Ok(tally)
}

async fn one(connection: &mut Connection, db: &PgPool) -> Result<(), Fault> {
    let code = device::device_code(&connection.send(&device::start()).await?)?;
    for _ in 0..2 {
        device::still_pending(&connection.send(&device::poll(&code)).await?)?;
    }
    seed::approve(db, &seed::authorizations([&code])?).await?;
    // The server may hear of it a moment later.
    let mut answer = connection.send(&device::poll(&code)).await?;
    while device::still_pending(&answer).is_ok() {
        tokio::time::sleep(Duration::from_millis(1)).await;
        answer = connection.send(&device::poll(&code)).await?;
    }
    let token = device::refresh_token(&answer)?;
    device::refresh_token(&connection.send(&device::refresh(&token)).await?)?;
    Ok(())
}
