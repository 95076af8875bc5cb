//! The steps that make the default kernel out of its patched source.
//!
//! All of it happens in one folder, by paths relative to it: `sel4/` is the patched source,
//! `port/` ours, [`GENERATED`] what the kernel's own generators make. The order of the steps and
//! the list of files follow the makefiles of seL4 5.0.0.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::config::Configuration;
use super::toolchain::Toolchain;
use crate::workspace;

/// Headers that the kernel's generators made: invocation labels, system calls, bit fields.
pub const GENERATED: &str = "include-generated";
/// The patched source.
pub const SOURCE: &str = "sel4";
/// Our platform.
pub const PORT: &str = "port";

const OBJECTS: [&str; 4] = ["head.o", "traps.o", "machine_asm.o", "kernel_all.o"];
const LINKER_SCRIPT: &str = "port/src/plat/qemu-virt/linker.lds";

const DEFINES: &[&str] = &[
    "-DHAVE_AUTOCONF",
    "-D__KERNEL_64__",
    "-DAARCH64",
    "-DARCH_ARM",
    "-DARMV8_A",
    "-DARM_CORTEX_A57",
];

/// Our folders first: what the kernel has of the same name is for other platforms.
const INCLUDES: &[&str] = &[
    "-Iinclude-generated",
    "-Iinclude-generated/64",
    "-Iport/include/plat/qemu-virt",
    "-Isel4/include",
    "-Isel4/include/64",
    "-Isel4/include/arch/arm",
    "-Isel4/include/arch/arm/arch/64",
    "-Isel4/include/arch/arm/armv/armv8-a/64",
];

const ASSEMBLY: [(&str, &str); 3] = [
    ("sel4/src/arch/arm/64/head.S", "head.o"),
    ("sel4/src/arch/arm/64/traps.S", "traps.o"),
    ("sel4/src/arch/arm/armv/armv8-a/64/machine_asm.S", "machine_asm.o"),
];

const PORT_C: &[&str] = &[
    "port/src/plat/qemu-virt/machine/gic_v3.c",
    "port/src/plat/qemu-virt/machine/hardware.c",
    "port/src/plat/qemu-virt/machine/io.c",
];

/// In the order of their paths: seL4 compiles them as one file, sorted.
const KERNEL_C: &[&str] = &[
    "api/faults.c",
    "api/syscall.c",
    "arch/arm/64/c_traps.c",
    "arch/arm/64/idle.c",
    "arch/arm/64/kernel/thread.c",
    "arch/arm/64/kernel/vspace.c",
    "arch/arm/64/machine/fpu.c",
    "arch/arm/64/machine/hardware.c",
    "arch/arm/64/machine/registerset.c",
    "arch/arm/64/model/statedata.c",
    "arch/arm/64/object/objecttype.c",
    "arch/arm/api/faults.c",
    "arch/arm/armv/armv8-a/64/benchmark.c",
    "arch/arm/armv/armv8-a/64/cache.c",
    "arch/arm/armv/armv8-a/64/user_access.c",
    "arch/arm/benchmark/benchmark.c",
    "arch/arm/c_traps.c",
    "arch/arm/kernel/boot.c",
    "arch/arm/kernel/ipi.c",
    "arch/arm/machine/cache.c",
    "arch/arm/machine/debug.c",
    "arch/arm/machine/errata.c",
    "arch/arm/machine/io.c",
    "arch/arm/object/interrupt.c",
    "arch/arm/object/iospace.c",
    "arch/arm/object/tcb.c",
    "arch/arm/object/vcpu.c",
    "assert.c",
    "benchmark/benchmark_track.c",
    "benchmark/benchmark_utilisation.c",
    "config/default_domain.c",
    "fastpath/fastpath.c",
    "inlines.c",
    "kernel/boot.c",
    "kernel/cspace.c",
    "kernel/faulthandler.c",
    "kernel/stack.c",
    "kernel/thread.c",
    "machine/fpu.c",
    "machine/io.c",
    "machine/registerset.c",
    "model/preemption.c",
    "model/statedata.c",
    "object/cnode.c",
    "object/endpoint.c",
    "object/interrupt.c",
    "object/notification.c",
    "object/objecttype.c",
    "object/tcb.c",
    "object/untyped.c",
    "smp/lock.c",
    "string.c",
    "util.c",
];
/// Only a debug kernel has it.
const DEBUG_C: &str = "arch/arm/64/machine/capdl.c";

/// One build.
pub struct Build<'a> {
    /// The folder; absolute. Has the patched source and our port.
    pub dir: &'a Path,
    /// Compiler and linker.
    pub toolchain: &'a Toolchain,
    /// Interpreter for the generators.
    pub python: &'a Path,
    /// What the kernel is to be.
    pub configuration: &'a Configuration,
    /// With assertions and debug system calls.
    pub debug: bool,
}

impl Build<'_> {
    /// Makes `elf`, without symbols, and `with_symbols`, the same for a debugger.
    pub fn kernel(&self, elf: &str, with_symbols: &str) -> Result<()> {
        self.write("include-generated/autoconf.h", &self.configuration.autoconf())?;
        self.generate_calls()?;
        self.generate_bitfields()?;
        self.write("kernel_all.c", &self.one_file()?)?;
        self.compile()?;
        self.link(with_symbols, false)?;
        self.link(elf, true)
    }

    /// Writes a file of the build, with the folders on its way.
    fn write(&self, file: &str, text: &str) -> Result<()> {
        let path = self.dir.join(file);
        make_parent(&path)?;
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Invocation labels and system call numbers, from the interface's XML.
    fn generate_calls(&self) -> Result<()> {
        let interfaces = [
            ("include/interfaces/sel4.xml", "", "api/invocation.h"),
            (
                "sel4_arch_include/aarch64/interfaces/sel4arch.xml",
                "--sel4_arch",
                "arch/api/sel4_invocation.h",
            ),
            ("arch_include/arm/interfaces/sel4arch.xml", "--arch", "arch/api/invocation.h"),
        ];
        for (xml, level, header) in interfaces {
            let mut generator = self.generator("invocation_header_gen.py");
            generator.args(Some(level).filter(|level| !level.is_empty()));
            generator.arg("--xml").arg(format!("sel4/libsel4/{xml}"));
            generator.arg("--dest").arg(self.generated(header)?);
            workspace::run(&mut generator)?;
        }
        let mut generator = self.generator("syscall_header_gen.py");
        generator.args(["--xml", "sel4/include/api/syscall.xml", "--kernel_header"]);
        workspace::run(generator.arg(self.generated("arch/api/syscall.h")?))?;
        Ok(())
    }

    /// Accessors of the kernel's packed structures.
    fn generate_bitfields(&self) -> Result<()> {
        let descriptions = [
            ("include/arch/arm/arch/64/mode/object/structures.bf", "arch/object/structures"),
            ("include/64/mode/api/shared_types.bf", "64/mode/api/shared_types"),
        ];
        for (description, name) in descriptions {
            let plain = self.generated(&format!("{name}.pbf"))?;
            let mut preprocessor = self.toolchain.preprocess(self.dir);
            preprocessor.args(DEFINES).args(INCLUDES).arg("-o").arg(&plain);
            workspace::run(preprocessor.arg(format!("sel4/{description}")))?;
            let mut generator = self.generator("bitfield_gen.py");
            generator.arg(&plain).arg(self.generated(&format!("{name}_gen.h"))?);
            workspace::run(&mut generator)?;
        }
        Ok(())
    }

    /// The whole kernel as one C file, which is how seL4 is compiled.
    fn one_file(&self) -> Result<String> {
        let kernel = KERNEL_C.iter().copied().chain(self.debug.then_some(DEBUG_C));
        let kernel = kernel.map(|file| format!("sel4/src/{file}"));
        let port = PORT_C.iter().map(|&file| file.to_owned());
        let mut text = String::new();
        for file in kernel.chain(port) {
            let path = self.dir.join(&file);
            let part = std::fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            // Writing to a String cannot fail.
            let _ = write!(text, "#line 1 \"{file}\"\n{part}\n");
        }
        Ok(text)
    }

    fn compile(&self) -> Result<()> {
        let mut compiler = self.toolchain.compile(self.dir);
        compiler.args(DEFINES).args(INCLUDES).args(self.debug.then_some("-DDEBUG"));
        workspace::run(compiler.args(["kernel_all.c", "-o", "kernel_all.o"]))?;
        for (source, object) in ASSEMBLY {
            let mut assembler = self.toolchain.assemble(self.dir);
            assembler.args(DEFINES).args(INCLUDES).args(self.debug.then_some("-DDEBUG"));
            workspace::run(assembler.args([source, "-o", object]))?;
        }
        Ok(())
    }

    fn link(&self, elf: &str, strip: bool) -> Result<()> {
        make_parent(&self.dir.join(elf))?;
        let mut linker = self.toolchain.link(self.dir);
        linker.args(["-T", LINKER_SCRIPT, "-o", elf]).args(strip.then_some("-s"));
        workspace::run(linker.args(OBJECTS))?;
        Ok(())
    }

    /// One of the kernel's own programs.
    fn generator(&self, program: &str) -> Command {
        let mut command = Command::new(self.python);
        command.current_dir(self.dir).env("PYTHONDONTWRITEBYTECODE", "1");
        command.args(["-W", "ignore"]).arg(format!("sel4/tools/{program}"));
        command
    }

    /// Path of a generated header, relative to the folder; makes its folder.
    fn generated(&self, header: &str) -> Result<PathBuf> {
        let path = Path::new(GENERATED).join(header);
        make_parent(&self.dir.join(&path))?;
        Ok(path)
    }
}

fn make_parent(path: &Path) -> Result<()> {
    path.parent().map_or(Ok(()), workspace::create_dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_in_the_order_of_their_paths() {
        assert!(KERNEL_C.is_sorted());
    }
}
