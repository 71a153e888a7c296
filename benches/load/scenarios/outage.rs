//! The database, or the server beside this one, fails for a while: what devices and people notice of it, and whether
//! anybody loses anything. It has a cluster of its own, which it freezes, stops and starts again.

mod attempts;
mod faults;
mod neighbour;
mod scene;
mod stalls;

use crate::Fault;
use crate::options::Extent;

pub(crate) use attempts::Deed;
pub(crate) use faults::{Endured, Refused};
pub(crate) use neighbour::Neighbour;
pub(crate) use stalls::Stall;

use scene::Scene;

/// What was found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outage {
    /// The database is away.
    pub(crate) faults: Vec<Endured>,
    /// Another server stands still.
    pub(crate) neighbour: Option<Neighbour>,
    /// The database stands still while devices ask for tokens.
    pub(crate) stalls: Vec<Stall>,
}

/// Plays all of it, one after the other.
pub(crate) async fn measure(extent: &Extent, found: &mut Outage) -> Result<(), Fault> {
    let mut scene = Scene::open().await?;
    let played = play(&mut scene, extent, found).await;
    scene.close().await?;
    played
}

async fn play(scene: &mut Scene, extent: &Extent, found: &mut Outage) -> Result<(), Fault> {
    faults::measure(scene, extent, &mut found.faults).await?;
    found.neighbour = Some(neighbour::measure(scene, extent).await?);
    stalls::measure(scene, extent, &mut found.stalls).await
}
