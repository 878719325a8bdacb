//! `completions` and `manual`: what packages bring along for shells and for `man`.

use std::{fs, process::Command};

use super::{fails, succeeds};
use crate::faults::process::Place;

#[test]
fn shells_learn_the_commands_even_if_the_configuration_is_wrong() {
    let place = Place::new();
    place.configure("listn = \":8080\"\n");
    for shell in ["bash", "zsh", "fish"] {
        let script = succeeds(&place, &["completions", shell]);
        for word in ["submit", "dry-run", "login-link"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
        assert!(!script.contains("shrink-picture"), "{shell}: hidden commands are for programs");
    }
    assert_eq!(place.run(&["completions", "cmd.exe"]).code, Some(2));
}

#[test]
fn bash_completes_commands_options_and_values() {
    let place = Place::new();
    fs::write(place.path("script"), succeeds(&place, &["completions", "bash"])).unwrap();
    // What bash itself does when somebody presses Tab behind these words.
    let completed = |words: &str| {
        let press_tab = "source ./script; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); \
            _flamenco__manager \"$1\" \"${!#}\" \"${COMP_WORDS[$COMP_CWORD - 1]}\"; echo \"${COMPREPLY[*]}\"";
        let mut bash = Command::new("bash");
        bash.args(["-c", press_tab, "bash"]).args(words.split(' ')).current_dir(place.path(""));
        String::from_utf8(bash.output().unwrap().stdout).unwrap().trim_end().to_owned()
    };
    assert_eq!(completed("flamenco-manager pur"), "purgequeue");
    assert_eq!(completed("flamenco-manager job sub"), "submit");
    assert_eq!(completed("flamenco-manager job submit --fr"), "--frames");
    assert_eq!(completed("flamenco-manager user login-link --ro"), "--role");
    assert_eq!(completed("flamenco-manager completions z"), "zsh");
    assert_eq!(completed("flamenco-manager user token create anna --role a"), "admin");
}

#[test]
fn every_command_has_a_manual_page_with_its_examples_as_they_stand() {
    let place = Place::new();
    assert_eq!(succeeds(&place, &["manual", "pages"]), "");
    let page = |name: &str| fs::read_to_string(place.path("pages").join(format!("{name}.1"))).unwrap();
    let first = page("flamenco-manager");
    for text in [
        ".TH flamenco-manager 1 \"\" \"Flamenco Manager ",
        "flamenco\\-manager\\-job(1)",
        "Exit codes: 0 done",
    ] {
        assert!(first.contains(text), "{text}: {first}");
    }
    assert!(!first.contains("manual(1)"), "hidden commands are for packages");
    let submit = page("flamenco-manager-job-submit");
    assert!(
        submit.contains("\n.nf\n") && submit.contains("\n  flamenco\\-manager job submit shot.blend"),
        "{submit}"
    );
    assert!(submit.contains("FOR A .BLEND FILE"), "{submit}");

    fs::write(place.path("file"), "").unwrap();
    assert!(fails(&place, &["manual", "file/pages"]).contains("file/pages: cannot be written"));
}
