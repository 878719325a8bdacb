//! `serve` and `demo`: a Manager in this process.

use std::{path::Path, process::ExitCode, sync::Arc, time::Duration};

use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::{Failure, demo, tables::print};
use crate::{
    app::{App, StartError},
    clock::SystemClock,
    config::{Backup, Config},
    domain::people::Authentication,
};

/// How long threads may go on after everything has ended.
const LEFT_OVERS: Duration = Duration::from_secs(1);

/// Runs a Manager until SIGINT or SIGTERM.
pub fn serve(config: Config, path: Option<&Path>) -> Result<(), Failure> {
    if let Some(path) = path {
        tracing::info!(file = %path.display(), "configuration read");
    } else {
        tracing::info!("no manager.toml found: built-in defaults are used");
    }
    let failed = |error: StartError| Failure::of(&error);
    let runtime = runtime()?;
    let served = runtime.block_on(async {
        let app = App::start(config, Arc::new(SystemClock)).await.map_err(failed)?;
        app.run(stop_on_signal()?).await.map_err(failed)
    });
    // Everything is written and closed. What is left is a call to a Server that cannot be connected to.
    runtime.shutdown_timeout(LEFT_OVERS);
    served
}

/// Shows a Manager at work; with `keep` it goes on afterwards until it is interrupted.
pub fn demo(keep: bool) -> Result<ExitCode, Failure> {
    let folder = tempfile::Builder::new().prefix("flamenco-demo-").tempdir()?;
    let config = Config {
        listen: Some("127.0.0.1:0".parse().map_err(|error| Failure::of(&error))?),
        database_path: folder.path().join("flamenco-manager.redb"),
        task_logs_path: folder.path().join("task-logs"),
        ssdp_discovery: false,
        user_authentication: Some(Authentication::Nobody),
        backup: Backup { interval: None, ..Config::default().backup },
        ..Config::default()
    };
    runtime()?.block_on(async {
        let app = App::start(config, Arc::new(SystemClock)).await.map_err(|error| Failure::of(&error))?;
        let url = app.url();
        print(&format!("A Manager for this demo runs at {url}"))?;
        print(&format!("Its database and task logs are in {}", folder.path().display()))?;
        let stop = CancellationToken::new();
        let manager = tokio::spawn(app.run(stop.clone()));
        let interrupted = stop_on_signal()?;
        let code = match interrupted.run_until_cancelled(show(&url)).await {
            Some(shown) => shown?,
            None => return Err(Failure::new("the demo was interrupted")),
        };
        if keep {
            print(&format!("The Manager goes on at {url} until you press Ctrl+C."))?;
            interrupted.cancelled().await;
        }
        stop.cancel();
        manager.await.map_err(|error| Failure::of(&error))?.map_err(|error| Failure::of(&error))?;
        Ok(code)
    })
}

async fn show(url: &str) -> Result<ExitCode, Failure> {
    let summary = demo::tour(url, demo::for_stdout().as_mut()).await.map_err(|error| Failure::of(&error))?;
    print(&summary.to_string())?;
    if summary.went_as_planned() { Ok(ExitCode::SUCCESS) } else { Ok(ExitCode::FAILURE) }
}

fn runtime() -> Result<Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// A token that is cancelled by SIGINT or SIGTERM.
fn stop_on_signal() -> Result<CancellationToken, Failure> {
    use tokio::signal;
    let stop = CancellationToken::new();
    let token = stop.clone();
    #[cfg(unix)]
    let mut terminate = signal::unix::signal(signal::unix::SignalKind::terminate())?;
    tokio::spawn(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        #[cfg(not(unix))]
        let _ = signal::ctrl_c().await;
        tracing::info!("stopping: requests in hand are finished first");
        token.cancel();
    });
    Ok(stop)
}
