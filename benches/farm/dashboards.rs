//! What open dashboards cost the workers: they go round while nobody listens and while many do, in turns.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
};

use super::{
    Args, Outcome,
    fill::Feeder,
    load::{self, Figures},
    manager::Manager,
    scenario::{self, End},
    wire,
};

/// After dashboards were opened or closed the Manager rests for so long.
const REST: Duration = Duration::from_millis(500);

/// So that the queue need not be filled up all the time.
const LEAST_TASKS: u64 = 20_000;

/// What was found.
#[derive(Default)]
pub struct Run {
    /// The workers at the limit of the machine, without and with dashboards.
    pub load: [Figures; 2],
    /// The same at the steady rate.
    pub paced: [Figures; 2],
    /// What all dashboards together were told, in bytes.
    pub told: u64,
    /// For how long.
    pub listened: Duration,
}

pub async fn run(args: &Args, folder: &Path, dashboards: u64) -> Outcome<Run> {
    let manager = Manager::start(&args.binary, folder.join("dashboards"), "").await?;
    let mut feeder = Feeder::new(manager.port())?;
    let staff = load::register(manager.port(), "worker", args.workers).await?;
    let mut run = Run::default();
    let tasks = (args.rate * (args.seconds + 1)).max(LEAST_TASKS);
    for number in 0..args.rounds {
        eprintln!("round {number} ...");
        for (place, open) in [0, dashboards].into_iter().enumerate() {
            let audience = Audience::open(manager.port(), open).await?;
            tokio::time::sleep(REST).await;
            for (period, figures) in
                [(None, &mut run.load[place]), (Some(args.period()), &mut run.paced[place])]
            {
                let end = End { cycles: u64::MAX, limit: args.limit(), period };
                let measured = scenario::rounds(&manager, &mut feeder, &staff, tasks, end).await?;
                run.listened += if open > 0 { measured.took() } else { Duration::ZERO };
                figures.add(measured);
            }
            run.told += audience.close()?;
        }
    }
    Ok(run)
}

/// Dashboards, on a thread of their own: whoever looks at one does not sit at the Manager's machine.
struct Audience {
    heard: Arc<AtomicU64>,
    close: oneshot::Sender<()>,
    thread: std::thread::JoinHandle<Outcome<()>>,
}

impl Audience {
    /// They are open when this returns.
    async fn open(port: u16, count: u64) -> Outcome<Self> {
        let heard = Arc::new(AtomicU64::new(0));
        let (close, closed) = oneshot::channel();
        let (opened, are_open) = oneshot::channel();
        let counter = Arc::clone(&heard);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                for _ in 0..count {
                    let stream = listen(port).await?;
                    tokio::spawn(hear(stream, Arc::clone(&counter)));
                }
                // Whoever waits has ended with an error.
                let _ = opened.send(());
                let _ = closed.await;
                Outcome::Ok(())
            })
        });
        are_open.await?;
        Ok(Self { heard, close, thread })
    }

    /// Returns how many bytes they have heard.
    fn close(self) -> Outcome<u64> {
        let _ = self.close.send(());
        self.thread.join().map_err(|_| "the dashboards ended badly")??;
        Ok(self.heard.load(Ordering::Relaxed))
    }
}

async fn listen(port: u16) -> Outcome<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(&wire::request("GET /api/events", "", "")).await?;
    Ok(stream)
}

async fn hear(mut stream: TcpStream, heard: Arc<AtomicU64>) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(bytes @ 1..) = stream.read(&mut buffer).await {
        heard.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}
