//! `completions` and `manual`: the command line described for shells and for `man`.

use std::{fs, io, path::Path, process::ExitCode};

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::{
    Man,
    roff::{Roff, roman},
};

use super::{Failure, args::Args, tables::print};

/// Prints what lets a shell complete the command line.
pub fn completions(shell: Shell) -> Result<ExitCode, Failure> {
    let name = env!("CARGO_PKG_NAME");
    let all = Args::command();
    // Commands that are hidden are for programs.
    let shown = all.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    let command = clap::Command::new(name).version(env!("CARGO_PKG_VERSION"));
    let mut command = command.args(all.get_arguments().cloned()).subcommands(shown);
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    // In bash, what follows a command whose name has a hyphen in it is not found otherwise:
    // https://github.com/clap-rs/clap/issues/6421
    let script = String::from_utf8_lossy(&script).replace("flamenco__subcmd__manager", "flamenco__manager");
    print(&script)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes a manual page for the program and for each of its commands into a folder, which is made.
pub fn manual(folder: &Path) -> Result<ExitCode, Failure> {
    let failed = |error: io::Error| Failure::new(format!("{}: cannot be written: {error}", folder.display()));
    fs::create_dir_all(folder).map_err(failed)?;
    let mut command = Args::command();
    command.build();
    pages(command, folder).map_err(failed)?;
    Ok(ExitCode::SUCCESS)
}

fn pages(command: clap::Command, folder: &Path) -> io::Result<()> {
    for part in command.get_subcommands().filter(|part| !part.is_hide_set()) {
        pages(part.clone(), folder)?;
    }
    let examples =
        command.get_after_long_help().or_else(|| command.get_after_help()).map(ToString::to_string);
    let has_parts = command.get_subcommands().any(|part| !part.is_hide_set());
    let page = Man::new(command);
    // `Man` leaves out a date that is not there, and what comes behind it would take its place. No date, because the same
    // sources make the same pages at any time.
    let (file, version) = (page.get_filename(), env!("CARGO_PKG_VERSION"));
    let name = file.trim_end_matches(".1");
    let title = format!(".TH {name} 1 \"\" \"Flamenco Manager {version}\" \"Flamenco Manager\"\n");
    let mut out = title.into_bytes();
    page.render_name_section(&mut out)?;
    page.render_synopsis_section(&mut out)?;
    page.render_description_section(&mut out)?;
    page.render_options_section(&mut out)?;
    if has_parts {
        page.render_subcommands_section(&mut out)?;
    }
    if let Some(examples) = examples {
        as_it_stands("EXAMPLES AND NOTES", &examples).to_writer(&mut out)?;
    }
    fs::write(folder.join(file), out)
}

/// A section whose lines stay as they are: examples would not be of use if they were filled.
fn as_it_stands(title: &str, text: &str) -> Roff {
    let mut section = Roff::new();
    section.control("SH", [title]).control("nf", []);
    for line in text.lines() {
        section.text([roman(line)]);
    }
    section.control("fi", []);
    section
}
