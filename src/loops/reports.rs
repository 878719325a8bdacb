//! What systemd hears of the Manager while it runs, for as long as the Manager really works.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::{
    services::{Error, Services},
    systemd::Systemd,
};

/// Tells systemd that the Manager is ready when it has answered for the first time, then again and again that it is alive, and at
/// `stop` that it stops.
///
/// It is to run in the task that accepts connections: whatever keeps that task from its work silences this one, too.
pub async fn report(systemd: &Systemd, services: &Arc<Services>, stop: &CancellationToken) {
    let reports = async {
        let mut farm = answer(services).await;
        systemd.ready().await;
        loop {
            systemd.alive(&farm).await;
            tokio::time::sleep(systemd.pace()).await;
            farm = answer(services).await;
        }
    };
    stop.run_until_cancelled(reports).await;
    systemd.stopping().await;
}

/// How the farm is, in a line. Nobody says so before all have done something for it whom requests need: a thread of the runtime,
/// the writer of the database, the disk, and a thread for what takes longer.
///
/// That the database cannot be written is an answer, too: another start would not mend it.
async fn answer(services: &Arc<Services>) -> String {
    let asked = Arc::clone(services);
    let working = tokio::spawn(async move {
        asked.try_to_write().await?;
        let farm = tokio::task::spawn_blocking(move || asked.farm(Vec::new()));
        Ok(farm.await.map_err(|_| Error::Panicked)??.summary)
    });
    tokio::select! {
        farm = working => farm.unwrap_or(Err(Error::Panicked)).unwrap_or_else(|error| error.to_string()),
        () = services.compaction() => "The database is being compacted; everybody waits for that".to_owned(),
    }
}
