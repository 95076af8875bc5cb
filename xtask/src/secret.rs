//! The secret that a hive's tickets are made with.
//!
//! The operator's file, or a random one for this boot alone. QEMU reads the file and hands it to
//! the VM (fw_cfg); its bytes are in no command line and no log.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow, ensure};
use ticket::{Claims, Key, Role, Ticket};

/// Name of the random secret's file in the output folder.
pub const FILE: &str = "queen.secret";
/// Bytes of a random secret; the file holds them in hexadecimal.
const RANDOM: usize = 32;
/// Time to live of the tickets that the run command uses itself, in seconds: a week.
const TTL_S: u64 = 7 * 24 * 3600;

/// A secret in a file.
#[derive(Debug)]
pub struct Secret {
    file: PathBuf,
    key: Key,
}

impl Secret {
    /// The operator's. The file must be for its owner's eyes only.
    pub fn of_operator(file: &Path) -> Result<Self> {
        let shown = file.display();
        let meta = fs::metadata(file)
            .with_context(|| format!("cannot read the secret {shown}: check the path"))?;
        ensure!(meta.is_file(), "the secret {shown} is no file: check the path");
        ensure!(
            meta.permissions().mode() & 0o077 == 0,
            "the secret {shown} can be read by others: chmod 600 {shown}"
        );
        Self::read(file)
    }

    /// A random one for one boot, written to `folder`.
    pub fn random(folder: &Path) -> Result<Self> {
        let file = std::path::absolute(folder)?.join(FILE);
        let mut random = [0; RANDOM];
        fs::File::open("/dev/urandom")
            .and_then(|mut source| source.read_exact(&mut random))
            .context("no random numbers from /dev/urandom: give --secret FILE")?;
        let text: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let new = file.with_extension("new");
        // What an earlier run left behind may have other permissions.
        crate::image::remove_file(&new)?;
        let written = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new);
        written
            .and_then(|mut opened| writeln!(opened, "{text}"))
            .and_then(|()| fs::rename(&new, &file))
            .with_context(|| {
                format!(
                    "cannot write {}: make its folder writable, or set COHESIX_OUT",
                    file.display()
                )
            })?;
        Self::read(&file)
    }

    fn read(file: &Path) -> Result<Self> {
        let shown = file.display();
        let bytes = fs::read(file)
            .with_context(|| format!("cannot read the secret {shown}: check its permissions"))?;
        let key = Key::from_secret_file(&bytes)
            .map_err(|error| anyhow!("the secret {shown} cannot be used: {error}"))?;
        Ok(Self { file: std::path::absolute(file)?, key })
    }

    /// Where it is.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// What tickets are made with.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// A queen's ticket from now on.
    pub fn queen(&self) -> Result<Ticket> {
        self.ticket(Role::Queen)
    }

    /// A ticket of this role from now on.
    pub fn ticket(&self, role: Role) -> Result<Ticket> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is wrong")?;
        self.ticket_from(role, u64::try_from(now.as_millis())?)
    }

    /// A queen's ticket from another time on, in milliseconds since 1970.
    pub fn queen_from(&self, issued_at_ms: u64) -> Result<Ticket> {
        self.ticket_from(Role::Queen, issued_at_ms)
    }

    fn ticket_from(&self, role: Role, issued_at_ms: u64) -> Result<Ticket> {
        let mut claims = Claims::new(role, issued_at_ms);
        claims.budget.ttl_s = Some(TTL_S);
        self.key.mint(&claims).map_err(|error| anyhow!("no ticket can be made: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that is gone afterwards.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder =
                std::env::temp_dir().join(format!("cohesix-{name}-{}", std::process::id()));
            fs::create_dir_all(&folder).expect("a folder");
            Self(folder)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn mode(file: &Path) -> u32 {
        fs::metadata(file).expect("it is there").permissions().mode() & 0o777
    }

    #[test]
    fn a_random_secret_is_another_each_time_and_its_owners_alone() {
        let folder = Folder::new("random-secret");
        // Left behind by somebody careless.
        fs::write(folder.0.join("queen.new"), "x").expect("a file");
        let first = Secret::random(&folder.0).expect("a secret");
        let text = fs::read(first.file()).expect("it is there");
        let second = Secret::random(&folder.0).expect("a secret");
        assert_ne!(text, fs::read(second.file()).expect("it is there"));
        assert_eq!(mode(second.file()), 0o600);
        let ticket = second.queen().expect("a ticket");
        let now = u64::try_from(
            SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis(),
        );
        let now = now.expect("before the year 500,000,000");
        assert!(second.key().check(ticket.as_str(), now).is_ok());
        assert!(first.key().check(ticket.as_str(), now).is_err());
    }

    #[test]
    fn a_secret_that_others_can_read_is_refused() {
        let folder = Folder::new("open-secret");
        let file = folder.0.join("secret");
        fs::write(&file, "0123456789abcdef0123456789abcdef\n").expect("a file");
        let set =
            |mode| fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("ours");
        set(0o644);
        let error = format!("{:#}", Secret::of_operator(&file).expect_err("readable by others"));
        assert!(error.contains("chmod 600"), "{error}");
        set(0o600);
        assert!(Secret::of_operator(&file).is_ok());
        fs::write(&file, "short\n").expect("a file");
        let error = format!("{:#}", Secret::of_operator(&file).expect_err("too short"));
        assert!(error.contains("cannot be used") && !error.contains("short\n"), "{error}");
    }
}
