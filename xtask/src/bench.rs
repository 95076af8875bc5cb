//! `./cohesix bench`.
/// Runs.
pub fn run(_: &crate::image::BuildOptions) -> anyhow::Result<()> {
    anyhow::bail!("not yet")
}
