//! Finds a Python that the kernel's source generators run on.
//!
//! They need the modules `ply`, `six` and `tempita`. Debian packages these for its own Python;
//! elsewhere (macOS) a virtual environment under `out/` gets them, once.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::workspace;

const PROBE: &str = "import sys, ply.lex, ply.yacc, six.moves, tempita, xml.dom.minidom; \
                     assert sys.version_info >= (3,)";
const INTERPRETERS: [&str; 2] = ["python3", "/usr/bin/python3"];
const MODULES: [&str; 3] = ["ply==3.11", "six==1.17.0", "Tempita==0.6.0"];

/// A Python with the modules; makes the virtual environment where none has them.
pub fn find() -> Result<PathBuf> {
    let out = std::path::absolute(workspace::out()).context("the current folder is gone")?;
    let environment = out.join("python");
    let own = environment.join("bin/python3");
    let mut candidates: Vec<PathBuf> = INTERPRETERS.iter().map(PathBuf::from).collect();
    candidates.push(own.clone());
    if let Some(usable) = candidates.into_iter().find(|python| runs(python, PROBE)) {
        return Ok(usable);
    }
    make_environment(&environment)?;
    if !runs(&own, PROBE) {
        bail!("{} lacks {}: delete that folder and try again", own.display(), MODULES.join(", "));
    }
    Ok(own)
}

fn runs(python: &Path, program: &str) -> bool {
    let output = Command::new(python).args(["-c", program]).output();
    output.is_ok_and(|output| output.status.success())
}

/// Makes the virtual environment anew; leaves nothing behind where that fails.
fn make_environment(dir: &Path) -> Result<()> {
    let Some(python) = INTERPRETERS.iter().find(|python| runs(Path::new(python), "import venv"))
    else {
        bail!("no python3 here: run `./cohesix setup`");
    };
    workspace::create_dir(&workspace::out())?;
    let made = fill_environment(Path::new(python), dir);
    if made.is_err() {
        let _ = std::fs::remove_dir_all(dir);
    }
    made.with_context(|| {
        format!(
            "the kernel's generators need the Python modules {}, and they could not be installed \
             in {}: run `./cohesix setup`, or install them for python3",
            MODULES.join(", "),
            dir.display()
        )
    })
}

fn fill_environment(python: &Path, dir: &Path) -> Result<()> {
    workspace::run(Command::new(python).args(["-m", "venv", "--clear"]).arg(dir))?;
    workspace::run(
        Command::new(dir.join("bin/python3"))
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(MODULES),
    )?;
    Ok(())
}
