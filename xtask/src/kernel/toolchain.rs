//! C compilers and linkers that can build the default kernel.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

/// Which kind of compiler to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    /// The first that is found: GCC, then clang.
    #[default]
    Auto,
    /// A GCC for AArch64, with GNU ld.
    Gcc,
    /// clang, with LLVM's linker.
    Clang,
}

/// The two kinds of compiler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// GNU's.
    Gcc,
    /// LLVM's.
    Clang,
}

/// A compiler and a linker that were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toolchain {
    /// What kind they are.
    pub family: Family,
    /// First lines of what both say of their versions: others make another kernel.
    pub identity: String,
    compiler: PathBuf,
    linker: PathBuf,
}

/// Debian's and Homebrew's.
const GCC_PREFIXES: [&str; 2] = ["aarch64-linux-gnu-", "aarch64-elf-"];
/// On PATH, then where Homebrew keeps what it does not link into PATH.
const CLANGS: [&str; 2] = ["clang", "/opt/homebrew/opt/llvm/bin/clang"];
const LLDS: [&str; 3] =
    ["ld.lld", "/opt/homebrew/opt/lld/bin/ld.lld", "/opt/homebrew/opt/llvm/bin/ld.lld"];

/// For both compilers. Kernel code counts on wrapping arithmetic and casts between pointer types,
/// and must not use the FPU: its registers are the user's.
const FLAGS: &str = "-std=c99 -O2 -g -w -nostdinc -ffreestanding -fno-pic -fno-pie \
    -fno-stack-protector -fno-asynchronous-unwind-tables -fno-strict-aliasing -fwrapv \
    -fno-delete-null-pointer-checks -march=armv8-a -mtune=cortex-a57 -mgeneral-regs-only \
    -mbranch-protection=none -mno-outline-atomics";
/// Optimisations that only GCC has.
const GCC_FLAGS: &str = "-fno-ipa-icf -fno-partial-inlining";
const CLANG_TARGET: &str = "--target=aarch64-none-elf";
const ASSEMBLER_FLAGS: &str = "-march=armv8-a -nostdinc -D__ASSEMBLER__";
const LINKER_FLAGS: &str = "-nostdlib -static --build-id=none -n";

impl Toolchain {
    /// Finds one; the error names what is missing.
    pub fn find(choice: Choice) -> Result<Self> {
        const GCC: &str = "aarch64-linux-gnu-gcc or aarch64-elf-gcc, with its binutils";
        const CLANG: &str = "clang with ld.lld";
        let (found, wanted) = match choice {
            Choice::Auto => (find_gcc().or_else(find_clang), format!("{GCC}; or {CLANG}")),
            Choice::Gcc => (find_gcc(), GCC.to_owned()),
            Choice::Clang => (find_clang(), CLANG.to_owned()),
        };
        match found {
            Some(toolchain) => Ok(toolchain),
            None => bail!("the default kernel needs {wanted}: run `./cohesix setup`"),
        }
    }

    /// The preprocessor without line markers, for any text that is like C. Runs in `dir`.
    pub fn preprocess(&self, dir: &Path) -> Command {
        let mut command = self.command(dir);
        command.args(["-E", "-P", "-x", "c", "-nostdinc", "-std=c99"]);
        command
    }

    /// The compiler for C. Runs in `dir`.
    pub fn compile(&self, dir: &Path) -> Command {
        let mut command = self.command(dir);
        command.args(FLAGS.split_whitespace()).arg("-c");
        if self.family == Family::Gcc {
            command.args(GCC_FLAGS.split_whitespace());
        }
        command
    }

    /// The compiler for assembly with preprocessor directives. Runs in `dir`.
    pub fn assemble(&self, dir: &Path) -> Command {
        let mut command = self.command(dir);
        command.args(ASSEMBLER_FLAGS.split_whitespace()).arg("-c");
        command
    }

    /// The linker. Runs in `dir`.
    pub fn link(&self, dir: &Path) -> Command {
        let mut command = linker_command(&self.linker);
        command.current_dir(dir).args(LINKER_FLAGS.split_whitespace());
        command
    }

    /// Debug information names files relative to `dir`, so that the folder does not matter.
    fn command(&self, dir: &Path) -> Command {
        let mut command = Command::new(&self.compiler);
        if self.family == Family::Clang {
            command.arg(CLANG_TARGET);
        }
        command.current_dir(dir).arg(format!("-ffile-prefix-map={}=.", dir.display()));
        command
    }

    /// One that is never started.
    #[cfg(test)]
    pub fn for_test(family: Family, identity: &str) -> Self {
        let identity = identity.to_owned();
        Self { family, identity, compiler: PathBuf::new(), linker: PathBuf::new() }
    }

    /// A toolchain of these two, if both start.
    fn of(family: Family, compiler: PathBuf, linker: PathBuf) -> Option<Self> {
        let compiler_version = first_line(Command::new(&compiler).arg("--version"))?;
        let linker_version = first_line(linker_command(&linker).arg("--version"))?;
        let identity = format!("{compiler_version}; {linker_version}");
        Some(Self { family, identity, compiler, linker })
    }
}

fn find_gcc() -> Option<Toolchain> {
    GCC_PREFIXES.iter().find_map(|prefix| {
        let tool = |name: &str| PathBuf::from(format!("{prefix}{name}"));
        Toolchain::of(Family::Gcc, tool("gcc"), tool("ld"))
    })
}

/// Where LLVM's linker is missing, the copy that comes with Rust does.
fn find_clang() -> Option<Toolchain> {
    let linkers: Vec<PathBuf> = LLDS.iter().map(PathBuf::from).chain(rust_lld()).collect();
    CLANGS.iter().find_map(|clang| {
        let pair = |linker: &PathBuf| Toolchain::of(Family::Clang, clang.into(), linker.clone());
        linkers.iter().find_map(pair)
    })
}

fn rust_lld() -> Option<PathBuf> {
    let libraries = first_line(Command::new("rustc").args(["--print", "target-libdir"]))?;
    Some(Path::new(&libraries).parent()?.join("bin/rust-lld"))
}

/// Rust's copy has to be told which linker it is to be.
fn linker_command(linker: &Path) -> Command {
    let mut command = Command::new(linker);
    if linker.ends_with("rust-lld") {
        command.args(["-flavor", "gnu"]);
    }
    command
}

/// The first line that a command prints, if it succeeds.
fn first_line(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()?.lines().next().map(str::to_owned)
}
