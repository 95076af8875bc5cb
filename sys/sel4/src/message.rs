//! Message encoding: the tag word, the registers and the IPC buffer.
//!
//! A message has up to 120 words. The first four travel in registers x2 to x5, the rest in the
//! IPC buffer (reference manual, "Message Registers"). Capabilities for an invocation are named
//! in the buffer as well.

/// Words of a message that travel in registers.
pub const REGISTERS: usize = 4;
/// Most words of a message (`seL4_MsgMaxLength`).
pub const MAX_WORDS: usize = 120;
/// Most capabilities of a message (`seL4_MsgMaxExtraCaps`).
pub const MAX_CAPS: usize = 3;

/// The tag of a message: label, unwrapped capabilities, capabilities, words
/// (`seL4_MessageInfo_t`: 52, 3, 2 and 7 bits).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageInfo(pub u64);

impl MessageInfo {
    /// A tag for `words` message words and `caps` capabilities.
    ///
    /// More words than [`MAX_WORDS`] or capabilities than [`MAX_CAPS`] are cut to that.
    #[must_use]
    pub const fn new(label: u64, caps: usize, words: usize) -> Self {
        let caps = if caps > MAX_CAPS { MAX_CAPS } else { caps };
        let words = if words > MAX_WORDS { MAX_WORDS } else { words };
        Self(label << 12 | (caps as u64) << 7 | words as u64)
    }

    /// The label: operation, error or the sender's own meaning.
    #[must_use]
    pub const fn label(self) -> u64 {
        self.0 >> 12
    }

    /// Number of message words, at most [`MAX_WORDS`].
    #[must_use]
    pub const fn words(self) -> usize {
        let words = (self.0 & 0x7f) as usize;
        if words > MAX_WORDS { MAX_WORDS } else { words }
    }

    /// Number of capabilities.
    #[must_use]
    pub const fn caps(self) -> usize {
        (self.0 >> 7 & 3) as usize
    }
}

/// The IPC buffer (`seL4_IPCBuffer`): 1024 bytes, shared by a thread with the kernel.
#[derive(Debug)]
#[repr(C)]
pub struct IpcBuffer {
    /// Tag; unused by the kernel.
    pub tag: u64,
    /// Message words; the kernel uses those from [`REGISTERS`] on.
    pub words: [u64; MAX_WORDS],
    /// Free for the thread.
    pub user_data: u64,
    /// Capabilities to send, or badges of those received.
    pub caps_or_badges: [u64; MAX_CAPS],
    /// CNode that received capabilities go to.
    pub receive_cnode: u64,
    /// Slot in it.
    pub receive_index: u64,
    /// Depth at which the slot is looked up.
    pub receive_depth: u64,
}

const _: () = {
    assert!(core::mem::size_of::<IpcBuffer>() == 1024);
    assert!(core::mem::offset_of!(IpcBuffer, words) == 8);
    assert!(core::mem::offset_of!(IpcBuffer, user_data) == 968);
    assert!(core::mem::offset_of!(IpcBuffer, caps_or_badges) == 976);
    assert!(core::mem::offset_of!(IpcBuffer, receive_cnode) == 1000);
};

/// Writes capabilities and the words from the fifth on into the buffer; returns the tag and the
/// words for the registers. What exceeds [`MAX_WORDS`] or [`MAX_CAPS`] is not sent.
#[inline]
pub fn encode(
    buffer: &mut IpcBuffer,
    label: u64,
    caps: &[u64],
    words: &[u64],
) -> (MessageInfo, [u64; REGISTERS]) {
    for (place, cap) in buffer.caps_or_badges.iter_mut().zip(caps) {
        *place = *cap;
    }
    let mut registers = [0; REGISTERS];
    for (place, word) in registers.iter_mut().zip(words) {
        *place = *word;
    }
    for (place, word) in buffer.words.iter_mut().zip(words).skip(REGISTERS) {
        *place = *word;
    }
    (MessageInfo::new(label, caps.len(), words.len()), registers)
}

/// Copies a received message's words into `words` and returns those that came.
#[inline]
pub fn decode<'a>(
    buffer: &IpcBuffer,
    info: MessageInfo,
    registers: [u64; REGISTERS],
    words: &'a mut [u64; MAX_WORDS],
) -> &'a [u64] {
    words.copy_from_slice(&buffer.words);
    for (place, word) in words.iter_mut().zip(registers) {
        *place = word;
    }
    words.get(..info.words()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer() -> IpcBuffer {
        IpcBuffer {
            tag: 0,
            words: [0xdead; MAX_WORDS],
            user_data: 0,
            caps_or_badges: [0xdead; MAX_CAPS],
            receive_cnode: 0,
            receive_index: 0,
            receive_depth: 0,
        }
    }

    #[test]
    fn the_tag_has_the_manuals_fields() {
        let info = MessageInfo::new(0x123, 2, 5);
        assert_eq!(info.0, 0x123 << 12 | 2 << 7 | 5);
        assert_eq!((info.label(), info.caps(), info.words()), (0x123, 2, 5));
        // What a peer's tag says is never past the buffer.
        assert_eq!(MessageInfo(0x7f).words(), MAX_WORDS);
    }

    #[test]
    fn four_words_go_to_registers_and_the_rest_to_the_buffer() {
        let mut buffer = buffer();
        let (info, registers) = encode(&mut buffer, 7, &[40, 41], &[1, 2, 3, 4, 5, 6]);
        assert_eq!((info.label(), info.caps(), info.words()), (7, 2, 6));
        assert_eq!(registers, [1, 2, 3, 4]);
        assert_eq!(buffer.words[..7], [0xdead, 0xdead, 0xdead, 0xdead, 5, 6, 0xdead]);
        assert_eq!(buffer.caps_or_badges, [40, 41, 0xdead]);
    }

    #[test]
    fn a_message_of_every_length_reads_back() {
        let sent: Vec<u64> = (100..100 + MAX_WORDS as u64).collect();
        for length in 0..=MAX_WORDS {
            let mut buffer = buffer();
            let (info, registers) = encode(&mut buffer, 1, &[], &sent[..length]);
            let mut received = [0; MAX_WORDS];
            assert_eq!(decode(&buffer, info, registers, &mut received), &sent[..length]);
        }
    }

    #[test]
    fn too_long_a_message_is_cut() {
        let mut buffer = buffer();
        let (info, _) = encode(&mut buffer, 1, &[1, 2, 3, 4], &[9; MAX_WORDS + 8]);
        assert_eq!((info.caps(), info.words()), (MAX_CAPS, MAX_WORDS));
    }
}
