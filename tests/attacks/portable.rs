//! The attack list as a script for any FHIR server (`conformance/attacks`), against this one: nothing leaks; and it can tell a leak.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::server::directory;
use crate::support::{Server, on_both};

/// Runs a script; its exit code and what it printed.
fn run(script: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/attacks").join(script);
    let output =
        Command::new("python3").arg("-B").arg(path).args(arguments).output().expect("python3 is needed for the portable attack list");
    let said = String::from_utf8_lossy(&output.stderr);
    (output.status.code(), format!("{}{}", String::from_utf8_lossy(&output.stdout), if output.status.success() { "" } else { &said }))
}

/// What the script says of each attack: its number and verdict.
fn verdicts(said: &str) -> Vec<(u32, &str)> {
    let words = ["held", "LEAKED", "not offered"];
    let one = |line: &str| {
        let number = line.get(..2)?.parse().ok()?;
        words.iter().find(|word| line[3..].starts_with(**word)).map(|word| (number, *word))
    };
    said.lines().filter_map(one).collect()
}

#[test]
fn the_portable_attack_list_finds_nothing_here_and_tells_a_leak() {
    on_both(|backend| {
        let server = Server::empty(backend);
        let (code, world) = run("prepare_ensemble.py", &[&server.root]);
        assert_eq!(code, Some(0), "{world}");
        let directory = directory();
        let file = directory.join("world.json");
        let attack = |world: &Value, more: &[&str]| {
            std::fs::write(&file, world.to_string()).unwrap();
            run("attack.py", &[&[file.to_str().unwrap()], more].concat())
        };
        let world: Value = serde_json::from_str(&world).unwrap();
        let (code, said) = attack(&world, &[]);
        assert_eq!(code, Some(0), "{said}");
        let all = verdicts(&said);
        assert_eq!(all.iter().map(|(number, _)| *number).collect::<Vec<_>>(), (1..=51).collect::<Vec<_>>(), "{said}");
        let held = all.iter().filter(|(_, verdict)| *verdict == "held").count();
        let absent: Vec<u32> = all.iter().filter(|(_, verdict)| *verdict == "not offered").map(|(number, _)| *number).collect();
        assert_eq!(absent, NOT_OFFERED, "{said}");
        assert_eq!(held + absent.len(), 51, "{said}");
        // Roles swapped: whoever reads sees it, so that nearly all of it is told.
        let mut leaky = world.clone();
        for one in leaky["worlds"].as_array_mut().unwrap() {
            let allowed = one["allowed"].clone();
            one["denied"] = allowed;
        }
        let (code, said) = attack(&leaky, &[]);
        assert_eq!(code, Some(1), "{said}");
        let leaked: Vec<u32> = verdicts(&said).iter().filter(|(_, verdict)| *verdict == "LEAKED").map(|(number, _)| *number).collect();
        for number in [1, 2, 3, 4, 5, 7, 8, 12, 13, 14, 15, 16, 19, 20, 23, 24, 25, 26, 27, 28, 34, 40] {
            assert!(leaked.contains(&number), "{number}: {said}");
        }
        // A world that is not as described is none.
        let mut wrong = world.clone();
        wrong["worlds"][0]["pairs"]["id"][0] = wrong["worlds"][0]["pairs"]["id"][1].clone();
        assert_eq!(attack(&wrong, &[]).0, Some(2));
        std::fs::remove_dir_all(&directory).unwrap();
    });
}

/// What this server does not offer.
const NOT_OFFERED: [u32; 4] = [18, 39, 43, 45];
