//! Listing directories: read(5) in 9P2000, readdir (.L).

use secure9p_codec::{
    Dirent, Fid, Name, READ_HEADER, dirent_length, put_dirent, seal_read, seal_readdir,
};

use crate::Error;
use crate::attributes::put_stat;
use crate::connection::{Answer, Answering, Connection};
use crate::fids::{Listing, Place};
use crate::hooks::Hooks;
use crate::tree::{Access, Entry, Tree};

impl<T: Tree, const FIDS: usize, const WAITING: usize, H: Hooks> Connection<T, FIDS, WAITING, H> {
    /// readdir (.L): whole entries, as many as fit; an entry's offset is where the next starts.
    pub(crate) fn readdir(
        &mut self,
        tree: &mut T,
        to: Answering<'_>,
        fid: Fid,
        offset: u64,
        count: u32,
    ) -> Result<Answer, Error> {
        let slot = self.fids.get(fid)?;
        if !slot.open.as_ref().is_some_and(|open| open.mode.read) {
            return Err(Error::BadUse);
        }
        if !slot.qid.is_directory() {
            return Err(Error::NotDirectory);
        }
        if i64::try_from(offset).is_err() {
            return Err(Error::BadOffset);
        }
        tree.allow(slot.session, slot.node, Access::List)?;
        let (session, node) = (slot.session, slot.node);
        let into = part(to.out, count);
        let (length, _) = list(|place| tree.entry(session, node, place), offset, into, put_entry)?;
        Ok(Answer::Length(seal_readdir(to.tag, length, to.out)?))
    }

    /// read(5) of a directory: whole stats, as many as fit, from 0 or from where the last read
    /// ended.
    pub(crate) fn read_directory(
        &mut self,
        tree: &mut T,
        to: Answering<'_>,
        place: Place,
        offset: u64,
        count: u32,
    ) -> Result<Answer, Error> {
        let slot = self.fids.slot(place)?;
        let open = slot.open.as_mut().ok_or(Error::BadUse)?;
        if to.dialect == secure9p_codec::Dialect::Linux {
            return Err(Error::IsDirectory);
        }
        let from = match offset {
            0 => Listing::default(),
            _ if offset == open.listing.offset => open.listing,
            _ => return Err(Error::BadOffset),
        };
        tree.allow(slot.session, slot.node, Access::List)?;
        let (session, node) = (slot.session, slot.node);
        let into = part(to.out, count);
        let (length, next) = list(
            |place| tree.entry(session, node, place),
            from.place,
            into,
            |entry, out| put_stat(&entry.stat, out),
        )?;
        open.listing = Listing { offset: from.offset.saturating_add(length as u64), place: next };
        Ok(Answer::Length(seal_read(to.tag, length, to.out)?))
    }
}

/// Where at most `count` bytes of data go.
fn part(out: &mut [u8], count: u32) -> &mut [u8] {
    let room = out.get_mut(READ_HEADER..).unwrap_or_default();
    let count = room.len().min(count as usize);
    room.get_mut(..count).unwrap_or_default()
}

/// Puts entries from `place` on into `into` while they fit, and returns how many bytes they take
/// and where the next is. An error behind the first entry comes out when the next read starts
/// there.
fn list(
    mut entry: impl FnMut(u64) -> Result<Option<Entry>, Error>,
    mut place: u64,
    into: &mut [u8],
    put: impl Fn(&Entry, &mut [u8]) -> Option<usize>,
) -> Result<(usize, u64), Error> {
    let mut length = 0;
    loop {
        let next = match entry(place) {
            Ok(Some(next)) => next,
            Ok(None) => break,
            Err(error) if length == 0 => return Err(error),
            Err(_) => break,
        };
        let Some(put) = put(&next, into.get_mut(length..).unwrap_or_default()) else {
            if length == 0 {
                // 0 bytes would say that the directory ends here.
                return Err(Error::Invalid);
            }
            break;
        };
        length = length.saturating_add(put);
        place = next.next;
    }
    Ok((length, place))
}

/// Writes an entry to the front of `out`; `None` where it does not fit.
fn put_entry(entry: &Entry, out: &mut [u8]) -> Option<usize> {
    let stat = &entry.stat;
    if dirent_length(&stat.name) > out.len() {
        return None;
    }
    let kind = if stat.qid.is_directory() { Dirent::DIRECTORY } else { Dirent::FILE };
    let name = Name::new(&stat.name)?;
    put_dirent(&Dirent { qid: stat.qid, offset: entry.next, kind, name }, out).ok()
}
