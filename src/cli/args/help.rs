//! The first page of `--help`: the commands in groups, because there are too many for one list.

use clap::builder::Styles;

/// What people come for, and the commands for it.
const GROUPS: &[(&str, &[&str])] = &[
    ("Run the Manager", &["serve", "demo", "check"]),
    ("Work with a running Manager", &["job", "task", "worker"]),
    ("Say who may do what, and see who did", &["user", "audit"]),
    ("Look after what it knows", &["backup", "restore", "database", "cleanslate", "purgequeue"]),
    ("Move a farm", &["import", "export"]),
    ("For your shell", &["completions"]),
];

/// The page as a template of clap, with what `commands` say of themselves.
pub fn first_page(commands: &clap::Command) -> String {
    let styles = Styles::styled();
    let (heading, name) = (styles.get_header(), styles.get_literal());
    let line = |command: &clap::Command| {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        format!("  {name}{:<12}{name:#} {about}\n", command.get_name())
    };
    let group = |(title, names): &(&str, &[&str])| {
        let commands = names.iter().filter_map(|name| commands.find_subcommand(name));
        format!("\n{heading}{title}:{heading:#}\n{}", commands.map(line).collect::<Vec<_>>().concat())
    };
    let groups = GROUPS.iter().map(group).collect::<Vec<_>>().concat();
    format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n{groups}\n\
         {heading}General options:{heading:#}\n{{options}}{{after-help}}\n"
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory;

    use super::*;
    use crate::cli::args::Args;

    #[test]
    fn every_command_is_in_one_group() {
        let args = Args::command();
        let there = args.get_subcommands().filter(|command| !command.is_hide_set());
        let there: BTreeSet<_> = there.map(clap::Command::get_name).collect();
        let grouped: Vec<_> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        assert_eq!(grouped.iter().copied().collect::<BTreeSet<_>>(), there);
        assert_eq!(grouped.len(), there.len(), "none is there twice");
    }
}
