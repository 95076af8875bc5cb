//! Completions and the manual page: they name everything that there is, and bash takes them.

use std::process::Command;

use serde_json::Value;

use crate::hive::Hive;

/// Every command with its options, as `help` has them, and those of `ticket`.
fn commands(hive: &Hive) -> Vec<(String, Vec<String>)> {
    let options = |text: &str| -> Vec<String> {
        let words = text.split(|letter: char| !letter.is_alphanumeric() && letter != '-');
        words.filter(|word| word.len() > 1 && word.starts_with('-')).map(str::to_owned).collect()
    };
    let help = hive.ok(&["--json", "help"]);
    let mut commands: Vec<_> = help
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .map(|entry| {
            let [name, usage] =
                ["command", "usage"].map(|field| entry[field].as_str().expect("a text"));
            (name.to_owned(), options(usage))
        })
        .collect();
    for command in ["mint", "show"] {
        let help = hive.ok(&["ticket", command, "--help"]);
        let lines = help.lines().filter(|line| line.trim_start().starts_with("--"));
        commands.push((format!("ticket {command}"), lines.flat_map(options).collect()));
    }
    let all = commands.iter().map(|(_, options)| options.len()).sum::<usize>();
    assert_eq!((commands.len(), all), (28, 35), "{commands:?}");
    commands
}

/// The program's own options.
fn options(hive: &Hive) -> Vec<String> {
    let help = hive.ok(&["--help"]);
    let own = &help[help.find("\nOptions:").expect("options")..];
    let lines = own.lines().take_while(|line| !line.starts_with("Commands"));
    let lines = lines.filter(|line| line.trim_start().starts_with('-'));
    let words = lines.flat_map(|line| line.split_whitespace().take(2));
    let options: Vec<_> =
        words.map(|word| word.trim_matches(',')).filter(|word| word.starts_with('-')).collect();
    options.into_iter().map(str::to_owned).collect()
}

#[test]
fn completions_name_every_command_and_option() {
    let hive = Hive::new();
    for shell in ["bash", "zsh", "fish"] {
        let text = hive.ok(&["completions", shell]);
        // As fish writes options.
        let named = |word: &str| match (shell, word.strip_prefix("--"), word.strip_prefix('-')) {
            ("fish", Some(long), _) => text.contains(&format!("-l {long} ")),
            ("fish", None, Some(short)) => text.contains(&format!("-s {short} ")),
            _ => text.contains(word),
        };
        for (name, options) in commands(&hive) {
            assert!(name.split(' ').all(&named), "{shell}: {name}");
            for option in options {
                assert!(named(&option), "{shell}: {name} {option}");
            }
        }
        for option in options(&hive) {
            assert!(named(&option), "{shell}: {option}");
        }
    }
    let (code, _, err) = hive.run(&["completions", "csh"]);
    assert!(code == 2 && err.contains("`cohsh completions bash|zsh|fish`"), "{err}");
    assert!(hive.ok(&["completions", "--help"]).contains("bash|zsh|fish"));
}

/// What bash offers at the end of this line.
fn offered(hive: &Hive, line: &str) -> Vec<String> {
    let file = hive.path("cohsh.bash");
    if !file.exists() {
        std::fs::write(&file, hive.ok(&["completions", "bash"])).expect("written");
    }
    // As bash calls the function that is registered for the command.
    let script = r#"
        source "$1"
        function=$(complete -p cohsh | sed 's/.*-F \([^ ]*\).*/\1/')
        read -ra COMP_WORDS <<< "$2"
        [[ $2 == *' ' ]] && COMP_WORDS+=('')
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        "$function" cohsh "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", script, "bash"]).arg(&file).arg(line);
    let output = bash.output().expect("bash");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{line}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_what_the_tables_have() {
    let hive = Hive::new();
    for (line, all) in [
        ("cohsh who", &["whoami"][..]),
        ("cohsh rev", &["revoke"]),
        ("cohsh --ti", &["--ticket-file"]),
        ("cohsh spawn h", &["heartbeat"]),
        ("cohsh spawn heartbeat --t", &["--ticks", "--ttl"]),
        ("cohsh refused k", &["kill"]),
        ("cohsh tail -", &["-f", "-n", "--help"]),
        ("cohsh --json kill --", &["--help"]),
        ("cohsh completions ", &["--help", "bash", "zsh", "fish"]),
        ("cohsh ticket mint --secret", &["--secret-file"]),
        ("cohsh ticket mint --role o", &["observer"]),
    ] {
        assert_eq!(offered(&hive, line), all, "{line}");
    }
    let first = offered(&hive, "cohsh ");
    for (name, _) in commands(&hive) {
        let word = name.split(' ').next().expect("a name");
        assert!(first.iter().any(|other| other == word), "{word}");
    }
}

#[test]
fn the_manual_page_names_every_command_and_option() {
    let hive = Hive::new();
    let page = hive.ok(&["man"]);
    assert!(page.starts_with(".ie") || page.starts_with(".TH"), "{}", &page[..40]);
    assert!(page.contains("\n.SH NAME\ncohsh \\- The hive"), "{}", &page[..400]);
    let plain = page.replace("\\-", "-");
    for section in [
        "NAME",
        "SYNOPSIS",
        "DESCRIPTION",
        "OPTIONS",
        "COMMANDS",
        "TICKETS",
        "ENVIRONMENT",
        "FILES",
        "EXIT STATUS",
        "EXAMPLES",
    ] {
        let lines = plain.lines();
        let found = lines.filter(|line| line.starts_with(".SH") && line.contains(section)).count();
        assert_eq!(found, 1, "{section}");
    }
    for (name, options) in commands(&hive) {
        assert!(plain.contains(&name), "{name}");
        assert!(options.iter().all(|option| plain.contains(option)), "{name}");
    }
    assert!(options(&hive).iter().all(|option| plain.contains(option)));
    let (code, _, err) = hive.run(&["-c", "man"]);
    assert!(code == 2 && err.contains("from another shell only"), "{err}");
}
