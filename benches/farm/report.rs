//! The result as Markdown, with the machine on which it was found.

use std::{fmt::Write as _, fs, path::Path, time::Duration};

use super::{
    Args, backups, dashboards, drain, imports, jobs,
    load::Figures,
    scenario::{self, Blocked, Run},
};

pub fn text(args: &Args, folder: &Path, ceiling: &Figures, runs: &[Run]) -> String {
    let mut findings = Vec::new();
    if let Some(first) = runs.first() {
        findings.push(format!("Idle and empty: {} resident.", megabytes(first.idle)));
    }
    findings
        .push(format!("The ceiling, the same stack with fixed answers and no store: {}.", summary(ceiling)));
    if let Some(last) = runs.last() {
        let share = last.load.per_second() / ceiling.per_second();
        findings.push(format!("With {} tasks: {share:.2} of the ceiling's cycles.", grouped(last.tasks)));
    }
    if let [first, .., last] = runs {
        findings.push(growth(first, last));
    }
    let blocked = runs.iter().filter_map(|run| run.blocked.as_ref());
    findings.extend(blocked.map(|blocked| blocked_head(args, blocked)));
    let (machine, table, command) = (machine(folder), table(args, runs), command(args));
    format!("{machine}\n\n{table}\n\n- {}\n\nTo be repeated with `{command}`.", findings.join("\n- "))
}

fn command(args: &Args) -> String {
    let tasks: Vec<String> = args.tasks.iter().map(u64::to_string).collect();
    let (tasks, seconds, workers) = (tasks.join(","), args.seconds, args.workers);
    format!("cargo bench --bench farm -- --tasks {tasks} --seconds {seconds} --workers {workers}")
}

fn growth(first: &Run, last: &Run) -> String {
    let ratio = |of: fn(&Run) -> &Figures| of(last).percentile(50) / of(first).percentile(50);
    format!(
        "p50 of `POST /task` with {} tasks to that with {}: {:.2} alone, {:.2} under load.",
        grouped(last.tasks),
        grouped(first.tasks),
        ratio(|run| &run.alone),
        ratio(|run| &run.load)
    )
}

fn table(args: &Args, runs: &[Run]) -> String {
    let (workers, crowd, rate) = (args.workers, grouped(args.crowd), grouped(args.rate));
    let mut table = format!(
        "| tasks | stored/s | cycles/s, {workers} workers | `POST /task` p50 | p99 | p99 at {rate} cycles/s | p50 alone | peak memory \
         | resident, {crowd} workers | file | first answer after kill -9 | first task |\n"
    );
    table.push_str(&"|--:".repeat(12));
    table.push('|');
    for run in runs {
        // Writing to a String cannot fail.
        let _ = write!(
            table,
            "\n| {} | {:.0} | {:.0} | {:.2} ms | {:.2} ms | {:.2} ms | {:.2} ms | {} | {} | {} | {} | {} |",
            grouped(run.tasks),
            run.fill_rate,
            run.load.per_second(),
            run.load.percentile(50),
            run.load.percentile(99),
            run.paced.percentile(99),
            run.alone.percentile(50),
            megabytes(run.peak),
            megabytes(run.crowded),
            megabytes(run.file),
            milliseconds(run.first_answer),
            milliseconds(run.first_task),
        );
    }
    table
}

pub fn drain(args: &Args, folder: &Path, runs: &[drain::Run]) -> String {
    let mut table = "| updates | sent as | updates/s | Server's time | on the way | Manager's processor, each | Server's processor, each \
                     | `POST /task` p50, quiet | p99 | p50 while they go out | p99 | peak memory |\n"
        .to_owned();
    table.push_str(&"|--:".repeat(12));
    table.push('|');
    for run in runs {
        let (updates, memory) = (grouped(run.updates), megabytes(run.peak));
        let form = if run.gzip { "gzip" } else { "plain" };
        // Writing to a String cannot fail.
        let _ = write!(table, "\n| {updates} | {form} {}| {memory} |", flow(run));
    }
    let waiting: Vec<String> = args.drain.iter().map(u64::to_string).collect();
    format!(
        "{}\n\n{table}\n\nWorkers make {} cycles a second. To be repeated with `cargo bench --bench farm -- --drain {} \
         --rounds {} --seconds {}`.",
        machine(folder),
        args.rate,
        waiting.join(","),
        args.rounds,
        args.seconds
    )
}

pub fn jobs(args: &Args, folder: &Path, run: &jobs::Run) -> String {
    let jobs::Run { tasks, deeds, quiet, alone, among_others } = run;
    let mut table =
        "| a job is | in, median | at the most | `POST /task` p50 meanwhile | p99 |\n|---|--:|--:|--:|--:|"
            .to_owned();
    for jobs::Deed { what, took, busy } in deeds {
        let mut took = took.clone();
        took.sort_unstable();
        let median = took.get(took.len() / 2).copied().unwrap_or_default();
        let most = took.last().copied().unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = write!(
            table,
            "\n| {what} | {} | {} | {:.2} ms | {:.2} ms |",
            milliseconds(median),
            milliseconds(most),
            busy.percentile(50),
            busy.percentile(99)
        );
    }
    let ratio = |of: fn(&Figures) -> f64| of(among_others) / of(alone);
    format!(
        "{}\n\n{table}\n\n- The job has {} tasks. On the quiet Manager p50 of `POST /task` is {:.2} ms, p99 {:.2} ms.\n\
         - With {} other jobs of every status, {} workers make {:.0} cycles/s, without them {:.0}: {:.2} times as many. \
         p50 of `POST /task` is {:.2} times that without them.\n\n\
         To be repeated with `cargo bench --bench farm -- --jobs {tasks} --rounds {} --seconds {}`.",
        machine(folder),
        grouped(*tasks),
        quiet.percentile(50),
        quiet.percentile(99),
        grouped(jobs::OTHERS),
        scenario::FEW,
        among_others.per_second(),
        alone.per_second(),
        ratio(Figures::per_second),
        ratio(|figures| figures.percentile(50)),
        args.rounds,
        args.seconds
    )
}

pub fn backups(args: &Args, folder: &Path, run: &backups::Run) -> String {
    let backups::Run { tasks, deeds, file, backup, memory: [before, after] } = run;
    let mut table = "| the database is | in, median | at the most | `POST /task` p50, quiet | p99 | p50 meanwhile | p99 | at the \
                     most |\n|---|--:|--:|--:|--:|--:|--:|--:|"
        .to_owned();
    for backups::Deed { what, took, quiet, busy, .. } in deeds {
        let mut took = took.clone();
        took.sort_unstable();
        let median = took.get(took.len() / 2).copied().unwrap_or_default();
        let most = took.last().copied().unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = write!(
            table,
            "\n| {what} | {} | {} | {:.2} ms | {:.2} ms | {:.2} ms | {:.2} ms, {:.1} times | {:.2} ms |",
            milliseconds(median),
            milliseconds(most),
            quiet.percentile(50),
            quiet.percentile(99),
            busy.percentile(50),
            busy.percentile(99),
            busy.percentile(99) / quiet.percentile(99),
            busy.percentile(100),
        );
    }
    format!(
        "{}\n\n{table}\n\n- {} tasks are {} in the file and {} in a backup.\n- The Manager's peak memory was {} when the tasks were \
         there, and {} in the end.\n\n\
         To be repeated with `cargo bench --bench farm -- --backup {tasks} --rounds {} --seconds {} --rate {} --workers {}`.",
        machine(folder),
        grouped(*tasks),
        megabytes(*file),
        megabytes(*backup),
        megabytes(*before),
        megabytes(*after),
        args.rounds,
        args.seconds,
        args.rate,
        args.workers,
    )
}

pub fn dashboards(args: &Args, folder: &Path, count_of_all: u64, run: &dashboards::Run) -> String {
    let dashboards::Run { load, paced, told, listened } = run;
    let mut table =
        String::from("| workers | dashboards | cycles/s | `POST /task` p50 | p99 |\n|---|--:|--:|--:|--:|");
    for (name, figures) in [("at the limit", load), ("at a steady rate", paced)] {
        for (open, figures) in [0, count_of_all].into_iter().zip(figures) {
            // Writing to a String cannot fail.
            let _ = write!(
                table,
                "\n| {name} | {open} | {:.0} | {:.2} ms | {:.2} ms |",
                figures.per_second(),
                figures.percentile(50),
                figures.percentile(99)
            );
        }
    }
    let ratio = |[without, with]: &[Figures; 2], of: fn(&Figures) -> f64| of(with) / of(without);
    let p99 = |figures: &Figures| figures.percentile(99);
    format!(
        "{}\n\n{table}\n\n- With dashboards to without: {:.2} of the cycles/s and {:.2} of the p99 at the limit, {:.2} of the p99 \
         at the steady rate.\n- The dashboards were told {} a second, all together.\n\n\
         To be repeated with `cargo bench --bench farm -- --dashboards {count_of_all} --rounds {} --seconds {} --rate {} \
         --workers {}`.",
        machine(folder),
        ratio(load, Figures::per_second),
        ratio(load, p99),
        ratio(paced, p99),
        megabytes(told / listened.as_secs().max(1)),
        args.rounds,
        args.seconds,
        args.rate,
        args.workers,
    )
}

/// How a dump was read and imported.
pub fn imports(args: &Args, folder: &Path, tasks: u32, run: &imports::Run) -> String {
    let imports::Run { bytes, database, ways } = run;
    let mut table = String::from(
        "| | documents | documents/s, best round | worst | seconds, best round | most memory |\n|---|--:|--:|--:|--:|--:|",
    );
    for imports::Way { name, documents, took, peak } in ways {
        let mut rates: Vec<_> = took.iter().map(|took| count(*documents) / took.as_secs_f64()).collect();
        rates.sort_by(f64::total_cmp);
        let (worst, best) = (rates.first().unwrap_or(&0.0), rates.last().unwrap_or(&0.0));
        let seconds = count(*documents) / best;
        let (documents, peak) = (grouped(*documents), peak.map_or("–".to_owned(), megabytes));
        // Writing to a String cannot fail.
        let _ = write!(table, "\n| {name} | {documents} | {best:.0} | {worst:.0} | {seconds:.2} | {peak} |");
    }
    format!(
        "{}\n\n{table}\n\n- The dump has {} of BSON; the database that comes of it has {}.\n\n\
         To be repeated with `cargo bench --bench farm -- --import {tasks} --rounds {}`.",
        machine(folder),
        megabytes(*bytes),
        megabytes(*database),
        args.rounds,
    )
}

/// How the updates went out, and how the workers fared; there is nothing to tell of a single batch.
fn flow(run: &drain::Run) -> String {
    if run.drained == 0 {
        return "| – ".repeat(9);
    }
    let share = |part: Duration| percent(part.div_duration_f64(run.took));
    let each = |cpu: Duration| format!("{:.1} µs", cpu.as_secs_f64() * 1e6 / count(run.drained));
    let waits = |percent| [&run.quiet, &run.busy].map(|figures| figures.percentile(percent));
    let ([quiet_half, busy_half], [quiet, busy]) = (waits(50), waits(99));
    format!(
        "| {:.0} | {} | {} | {} | {} | {quiet_half:.2} ms | {quiet:.2} ms | {busy_half:.2} ms | {busy:.2} ms, {:.1} times ",
        count(run.drained) / run.took.as_secs_f64(),
        share(run.at_server),
        share(run.sending),
        each(run.cpu),
        each(run.server_cpu),
        busy / quiet,
    )
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

#[expect(clippy::cast_precision_loss, reason = "nobody has 2^52 updates")]
fn count(number: u64) -> f64 {
    number as f64
}

fn blocked_head(args: &Args, blocked: &Blocked) -> String {
    let Blocked { before, after } = blocked;
    format!(
        "{} tasks at the head of the queue that the asking workers may not have: p50 of `POST /task` alone {:.2} ms \
         before, {:.2} ms after, ratio {:.2}.",
        grouped(args.head),
        before.percentile(50),
        after.percentile(50),
        after.percentile(50) / before.percentile(50)
    )
}

fn summary(figures: &Figures) -> String {
    format!(
        "{:.0} cycles/s, p50 of `POST /task` {:.2} ms, p99 {:.2} ms",
        figures.per_second(),
        figures.percentile(50),
        figures.percentile(99)
    )
}

/// What the figures depend on, as far as the system tells.
fn machine(folder: &Path) -> String {
    let first = |path: &str, key: &str| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let value = text.lines().find_map(|line| line.strip_prefix(key));
        value.map_or("unknown".to_owned(), |value| value.trim_matches([' ', '\t', ':']).to_owned())
    };
    let memory = first("/proc/meminfo", "MemTotal");
    let memory =
        memory.trim_end_matches(" kB").parse::<u64>().map_or(memory, |kilobytes| megabytes(kilobytes * 1024));
    format!(
        "{}, {} cores, {memory} memory, Linux {}, {} filesystem; generator and Manager on the same machine.",
        first("/proc/cpuinfo", "model name"),
        std::thread::available_parallelism().map_or(0, usize::from),
        first("/proc/sys/kernel/osrelease", ""),
        filesystem(folder),
    )
}

/// The type of the innermost mount that holds the folder.
fn filesystem(folder: &Path) -> String {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let fields = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        Some((fields.nth(1)?, fields.next()?))
    });
    let holding = fields.filter(|(mount, _)| folder.starts_with(mount));
    holding.max_by_key(|(mount, _)| mount.len()).map_or("unknown", |(_, kind)| kind).to_owned()
}

#[expect(clippy::cast_precision_loss, reason = "nothing here has 2^52 bytes")]
fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

fn milliseconds(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}

/// 1000000 as 1,000,000.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
