//! The simulated workers under measurement: registration, cycles, and the times that they saw.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use headers::{Authorization, Header};
use tokio::{
    task::JoinSet,
    time::{Interval, interval_at},
};

use super::{
    Outcome,
    wire::{self, Wire},
};

/// The type of all tasks, and what all workers can do.
pub const TASK_TYPE: &str = "blender-render";

const ACTIVE: &str = r#"{"activity":"starting blender_render","current_command_idx":0,"task_progress_percentage":0,"command_progress_percentage":0,"metrics":{"timing":{}},"task_status":"active","log":"2026-11-21T19:20:14.339723+00:00: pid=4711 > Fra:1 Mem:243.92M (Peak 301.12M) | Time:00:01.25 | Rendering 1 / 64 samples"}"#;
const COMPLETED: &str = r#"{"activity":"Task completed","current_command_idx":0,"task_progress_percentage":0,"command_progress_percentage":100,"metrics":{"timing":{"total":1.25}},"task_status":"completed"}"#;
const FAILED: &str = r#"{"activity":"blender_render: exit status 1","current_command_idx":0,"task_progress_percentage":0,"command_progress_percentage":0,"metrics":{"timing":{}},"task_status":"failed"}"#;

/// How many register at the same time.
const LANES: u64 = 16;

/// An answer that takes longer than this ends the run.
const PATIENCE: Duration = Duration::from_mins(1);

/// What was measured in one or more rounds.
#[derive(Debug, Default)]
pub struct Figures {
    cycles: u64,
    took: Duration,
    calls: Vec<Call>,
}

/// A call of `POST /task`.
#[derive(Debug, Clone, Copy)]
struct Call {
    asked: Instant,
    micros: u32,
}

impl Figures {
    pub fn cycles(&self) -> u64 {
        self.cycles
    }

    pub fn took(&self) -> Duration {
        self.took
    }

    pub fn add(&mut self, other: Self) {
        self.cycles += other.cycles;
        self.took += other.took;
        self.calls.extend(other.calls);
    }

    /// The cycles alone that began at certain times.
    pub fn only(&self, at: impl Fn(Instant) -> bool) -> Self {
        let calls: Vec<_> = self.calls.iter().copied().filter(|call| at(call.asked)).collect();
        Self { cycles: calls.len() as u64, took: self.took, calls }
    }

    #[expect(clippy::cast_precision_loss, reason = "no run has 2^52 cycles")]
    pub fn per_second(&self) -> f64 {
        self.cycles as f64 / self.took.as_secs_f64().max(f64::EPSILON)
    }

    /// The time in milliseconds within which `percent` of the calls of `POST /task` were answered.
    pub fn percentile(&self, percent: usize) -> f64 {
        let mut sorted: Vec<u32> = self.calls.iter().map(|call| call.micros).collect();
        sorted.sort_unstable();
        let index = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
        sorted.get(index).map_or(f64::NAN, |&micros| f64::from(micros) / 1000.0)
    }
}

/// Registers `count` workers, who each ask once whether their status should change. Returns the
/// `Authorization` header line of each.
pub async fn register(port: u16, name: &str, count: u64) -> Outcome<Vec<String>> {
    let mut lanes = JoinSet::new();
    for lane in 0..LANES {
        let name = name.to_owned();
        lanes.spawn(async move {
            let mut wire = Wire::connect(port).await?;
            let mut staff = Vec::new();
            for number in (lane..count).step_by(usize::try_from(LANES)?) {
                staff.push(register_one(&mut wire, &format!("{name}-{number}")).await?);
            }
            Outcome::Ok(staff)
        });
    }
    let mut staff = Vec::new();
    while let Some(lane) = lanes.join_next().await {
        staff.extend(lane??);
    }
    Ok(staff)
}

async fn register_one(wire: &mut Wire, nickname: &str) -> Outcome<String> {
    let secret = format!("{:0>64}", nickname.replace('-', "x"));
    let about = format!(
        r#"{{"secret":"{secret}","platform":"linux","supported_task_types":["{TASK_TYPE}"],"nickname":"{nickname}"}}"#
    );
    let answer = wire.call(&wire::request("POST /register-worker", "", &about)).await?;
    let id = answer.id().ok_or_else(|| format!("registration was answered with {}", answer.status))?;
    let mut values = Vec::new();
    Authorization::basic(id, &secret).encode(&mut values);
    let value = values.first().ok_or("no header")?.to_str()?;
    let authorization = format!("Authorization: {value}\r\n");
    expect(wire, &wire::request("GET /status-change", &authorization, ""), 204).await?;
    Ok(authorization)
}

/// Lets the workers make at most `cycles` cycles within `limit`: each begins one every `period`, or, without a period,
/// as soon as it has ended the one before.
pub async fn run(
    port: u16,
    staff: &[String],
    cycles: u64,
    limit: Duration,
    period: Option<Duration>,
) -> Outcome<Figures> {
    let mut hands = Vec::with_capacity(staff.len());
    for authorization in staff {
        hands.push(Hand::ready(port, authorization).await?);
    }
    let left = Arc::new(AtomicU64::new(cycles));
    let started = Instant::now();
    let mut working = JoinSet::new();
    let apart = period.unwrap_or_default() / u32::try_from(hands.len().max(1))?;
    for (number, hand) in (0..).zip(hands) {
        let beat = period.map(|period| interval_at((started + apart * number).into(), period));
        working.spawn(hand.work(Arc::clone(&left), started + limit, beat));
    }
    let mut figures = Figures::default();
    let last_call = tokio::time::Instant::from_std(started + limit + PATIENCE);
    while let Some(hand) = tokio::time::timeout_at(last_call, working.join_next()).await? {
        let calls = hand??;
        figures.cycles += calls.len() as u64;
        figures.calls.extend(calls);
    }
    figures.took = started.elapsed();
    Ok(figures)
}

/// Gets the workers blacklisted for a job: each takes a task of it, and when all have one, each fails
/// it. Then they must be handed tasks of other jobs.
pub async fn get_blacklisted(port: u16, staff: &[String], job: &str) -> Outcome<()> {
    let mut failing = Vec::new();
    for authorization in staff {
        let mut hand = Hand::ready(port, authorization).await?;
        let task = hand.ask_knowing(job, true).await?;
        failing.push((hand, task));
    }
    for (hand, task) in &mut failing {
        hand.update(task, FAILED).await?;
    }
    for (hand, _) in &mut failing {
        hand.ask_knowing(job, false).await?;
    }
    Ok(())
}

/// What a worker does with a task.
#[derive(Debug, Clone, Copy)]
pub enum Hold {
    /// Nothing: it keeps it.
    InHand,
    Completed,
    Failed,
}

/// Lets a worker take a task, which must be one of this job.
pub async fn take(port: u16, authorization: &str, job: &str, hold: Hold) -> Outcome<()> {
    let mut hand = Hand::ready(port, authorization).await?;
    let task = hand.ask_knowing(job, true).await?;
    match hold {
        Hold::InHand => Ok(()),
        Hold::Completed => hand.update(&task, COMPLETED).await,
        Hold::Failed => hand.update(&task, FAILED).await,
    }
}

/// The time until the first answer to a worker's call for a task.
pub async fn first_task(port: u16, authorization: &str) -> Outcome<()> {
    let mut wire = Wire::connect(port).await?;
    let answer = wire.call(&wire::request("POST /task", authorization, "")).await?;
    if matches!(answer.status, 200 | 204) { Ok(()) } else { Err(unexpected("POST /task", answer.status)) }
}

/// One worker at work.
struct Hand {
    wire: Wire,
    authorization: String,
    ask: Vec<u8>,
    update: Vec<u8>,
}

impl Hand {
    /// Connected, and known to the Manager: the first call may cost more than others.
    async fn ready(port: u16, authorization: &str) -> Outcome<Self> {
        let mut wire = Wire::connect(port).await?;
        expect(&mut wire, &wire::request("GET /status-change", authorization, ""), 204).await?;
        let ask = wire::request("POST /task", authorization, "");
        Ok(Self { wire, authorization: authorization.to_owned(), ask, update: Vec::new() })
    }

    /// Cycles until none are left or it is time. Returns the calls of `POST /task`.
    async fn work(
        mut self,
        left: Arc<AtomicU64>,
        end: Instant,
        mut beat: Option<Interval>,
    ) -> Outcome<Vec<Call>> {
        let mut calls = Vec::new();
        let take = |left: u64| left.checked_sub(1);
        while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() && Instant::now() < end {
            if let Some(beat) = &mut beat {
                beat.tick().await;
            }
            let asked = Instant::now();
            let Some(task) = self.ask().await? else {
                return Err("a queue that should hold tasks is empty".into());
            };
            calls.push(Call { asked, micros: u32::try_from(asked.elapsed().as_micros())? });
            self.update(&task, ACTIVE).await?;
            self.update(&task, COMPLETED).await?;
        }
        Ok(calls)
    }

    /// The ID of the task that is handed out, if any.
    async fn ask(&mut self) -> Outcome<Option<String>> {
        let answer = self.wire.call(&self.ask).await?;
        match answer.status {
            200 => Ok(Some(answer.id().ok_or("a task without ID")?.to_owned())),
            204 => Ok(None),
            status => Err(unexpected("POST /task", status)),
        }
    }

    /// Asks for a task and checks whether it is `of_job`.
    async fn ask_knowing(&mut self, job: &str, of_job: bool) -> Outcome<String> {
        let answer = self.wire.call(&self.ask).await?;
        let is_of_job = answer.body.windows(job.len()).any(|window| window == job.as_bytes());
        match answer.id() {
            Some(task) if is_of_job == of_job => Ok(task.to_owned()),
            _ => Err(format!("a task of the head: expected {of_job}, found {is_of_job}").into()),
        }
    }

    async fn update(&mut self, task: &str, update: &str) -> Outcome<()> {
        let call = format!("POST /tasks/{task}/update");
        wire::write_request(&mut self.update, &call, &self.authorization, update);
        expect(&mut self.wire, &self.update, 204).await
    }
}

async fn expect(wire: &mut Wire, request: &[u8], status: u16) -> Outcome<()> {
    let answer = wire.call(request).await?;
    if answer.status == status {
        return Ok(());
    }
    let call = String::from_utf8_lossy(request.split(|&byte| byte == b'\r').next().unwrap_or_default());
    Err(unexpected(&call, answer.status))
}

fn unexpected(call: &str, status: u16) -> Box<dyn std::error::Error + Send + Sync> {
    format!("{call} was answered with {status}").into()
}
