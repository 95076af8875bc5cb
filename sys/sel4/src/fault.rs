//! Faults as they arrive at a fault endpoint (reference manual, "Faults").

use crate::message::MessageInfo;

/// Why a thread stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A system call named a capability that is not there. `address` is the slot.
    Capability {
        /// Address of the instruction.
        ip: u64,
        /// The capability pointer that was looked up.
        address: u64,
    },
    /// A system call with a number that the kernel does not know.
    UnknownSyscall {
        /// Address of the instruction.
        ip: u64,
        /// The number.
        number: u64,
    },
    /// An exception that is not a memory fault. `syndrome` is ESR_EL1.
    UserException {
        /// Address of the instruction.
        ip: u64,
        /// Exception syndrome (ARM DDI 0487, ESR_EL1).
        syndrome: u64,
    },
    /// A memory fault.
    Vm {
        /// Address of the instruction.
        ip: u64,
        /// Address that was accessed.
        address: u64,
        /// What was attempted.
        access: Access,
    },
    /// A message that is no fault of this kernel.
    Malformed,
}

/// What a thread attempted on memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read data.
    Read,
    /// Write data.
    Write,
    /// Fetch an instruction.
    Execute,
}

const CAPABILITY: u64 = 1;
const UNKNOWN_SYSCALL: u64 = 2;
const USER_EXCEPTION: u64 = 3;
const VM: u64 = 5;
/// ESR_EL1.ISS.WnR of a data abort.
const WRITE_NOT_READ: u64 = 1 << 6;
/// `seL4_UnknownSyscall_FaultIP` and `_Syscall`.
const UNKNOWN_SYSCALL_IP: usize = 8;
const UNKNOWN_SYSCALL_NUMBER: usize = 12;

impl Fault {
    /// Reads a fault message. Its words are the kernel's, but a process could send the same
    /// bytes through its fault capability: nothing here trusts their number.
    #[must_use]
    pub fn decode(info: MessageInfo, words: &[u64]) -> Self {
        let word = |at: usize| words.get(at).copied();
        let fault = match info.label() {
            CAPABILITY => {
                word(0).zip(word(1)).map(|(ip, address)| Self::Capability { ip, address })
            }
            UNKNOWN_SYSCALL => word(UNKNOWN_SYSCALL_IP)
                .zip(word(UNKNOWN_SYSCALL_NUMBER))
                .map(|(ip, number)| Self::UnknownSyscall { ip, number }),
            USER_EXCEPTION => {
                word(0).zip(word(3)).map(|(ip, syndrome)| Self::UserException { ip, syndrome })
            }
            VM => Self::decode_vm(words),
            _ => None,
        };
        fault.unwrap_or(Self::Malformed)
    }

    fn decode_vm(words: &[u64]) -> Option<Self> {
        let &[ip, address, prefetch, syndrome, ..] = words else { return None };
        let access = if prefetch != 0 {
            Access::Execute
        } else if syndrome & WRITE_NOT_READ != 0 {
            Access::Write
        } else {
            Access::Read
        };
        Some(Self::Vm { ip, address, access })
    }

    /// The kind in one word, for logs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        Self::kind_of(self.number())
    }

    /// The kind's number: how one process tells another.
    #[must_use]
    pub fn number(&self) -> u64 {
        match self {
            Self::Malformed => 0,
            Self::Capability { .. } => 1,
            Self::UnknownSyscall { .. } => 2,
            // ESR_EL1.EC 0, "unknown reason": an undefined instruction.
            Self::UserException { syndrome, .. } if syndrome >> 26 & 0x3f == 0 => 3,
            Self::UserException { .. } => 4,
            Self::Vm { access: Access::Read, .. } => 5,
            Self::Vm { access: Access::Write, .. } => 6,
            Self::Vm { access: Access::Execute, .. } => 7,
        }
    }

    /// The kind with this number, in one word.
    #[must_use]
    pub fn kind_of(number: u64) -> &'static str {
        match number {
            1 => "capability",
            2 => "unknown-syscall",
            3 => "illegal-instruction",
            4 => "user-exception",
            5 => "vm-read",
            6 => "vm-write",
            7 => "vm-execute",
            _ => "malformed",
        }
    }

    /// Address of the instruction; 0 where the message had none.
    #[must_use]
    pub fn ip(&self) -> u64 {
        match *self {
            Self::Capability { ip, .. }
            | Self::UnknownSyscall { ip, .. }
            | Self::UserException { ip, .. }
            | Self::Vm { ip, .. } => ip,
            Self::Malformed => 0,
        }
    }

    /// The address, slot, system call number or syndrome that the fault is about.
    #[must_use]
    pub fn address(&self) -> u64 {
        match *self {
            Self::Capability { address, .. } | Self::Vm { address, .. } => address,
            Self::UnknownSyscall { number, .. } => number,
            Self::UserException { syndrome, .. } => syndrome,
            Self::Malformed => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(label: u64, words: &[u64]) -> Fault {
        Fault::decode(MessageInfo::new(label, 0, words.len()), words)
    }

    #[test]
    fn memory_faults_say_what_was_attempted() {
        let read = decode(5, &[0x40, 0, 0, 0x9200_0006]);
        assert_eq!(read, Fault::Vm { ip: 0x40, address: 0, access: Access::Read });
        assert_eq!(decode(5, &[0x40, 8, 0, 0x9200_0046]).kind(), "vm-write");
        assert_eq!(decode(5, &[8, 8, 1, 0x8200_0006]).kind(), "vm-execute");
    }

    #[test]
    fn other_faults_read_their_words() {
        assert_eq!(decode(1, &[0x40, 9, 0, 1]), Fault::Capability { ip: 0x40, address: 9 });
        assert_eq!(decode(3, &[0x40, 0, 0, 0x0200_0000, 0]).kind(), "illegal-instruction");
        let mut words = [0; 13];
        words[8] = 0x40;
        words[12] = 77;
        assert_eq!(decode(2, &words), Fault::UnknownSyscall { ip: 0x40, number: 77 });
    }

    #[test]
    fn short_and_unknown_messages_are_malformed() {
        for label in 0..8 {
            assert_eq!(decode(label, &[]), Fault::Malformed);
        }
        assert_eq!(decode(5, &[1, 2, 3]), Fault::Malformed);
        assert_eq!(decode(99, &[1; 20]), Fault::Malformed);
    }
}
