//! `./cohesix test`.
use clap::Args;
/// Options.
#[derive(Debug, Args)]
pub struct Options {}
/// Runs.
pub fn run(_: &Options) -> anyhow::Result<()> {
    anyhow::bail!("not yet")
}
