//! Walking: walk(5).

use secure9p_codec::{Dialect, Fid, Name, Names, WalkReply};

use crate::connection::{Answer, Answering, Connection};
use crate::hooks::Hooks;
use crate::tree::{Access, AccessPolicy, Found, Tree};
use crate::{Error, fids::Slot};

impl<T: Tree, const FIDS: usize, const WAITING: usize, H: Hooks> Connection<T, FIDS, WAITING, H> {
    /// walk(5). `newfid` comes to be only where every name was found; where the first was not, the
    /// answer is an error, else the qids of those that were.
    #[inline]
    pub(crate) fn walk(
        &mut self,
        tree: &mut T,
        to: Answering<'_>,
        fid: Fid,
        newfid: Fid,
        names: Names<'_>,
    ) -> Result<Answer, Error> {
        let from = self.fids.find(fid)?;
        let vacancy = if newfid == fid { None } else { Some(self.fids.vacancy(newfid)?) };
        let slot = self.fids.slot(from)?;
        may_walk(to.dialect, slot, vacancy.is_none() && !names.is_empty())?;

        let session = slot.session;
        let mut found = Found { node: slot.node, qid: slot.qid };
        let mut walked = WalkReply::new(to.out);
        for name in names {
            match step(tree, session, found, name) {
                Ok(next) => found = next,
                Err(error) if walked.count() == 0 => return Err(error),
                Err(_) => break,
            }
            walked.push(found.qid)?;
        }
        if walked.count() == names.len() {
            match vacancy {
                Some(place) => self.fids.derive(place, newfid, from, found)?,
                None => {
                    let slot = self.fids.slot(from)?;
                    (slot.node, slot.qid) = (found.node, found.qid);
                }
            }
        }
        Ok(Answer::Length(walked.seal(to.tag)?))
    }
}

/// An open fid cannot be walked in 9P2000: walk(5). In 9P2000.L it can, as long as it stays what
/// it is: clients walk from a directory while they list it.
fn may_walk<T: Tree>(dialect: Dialect, slot: &Slot<T>, in_place: bool) -> Result<(), Error> {
    if slot.open.is_some() && (dialect == Dialect::Plan9 || in_place) {
        return Err(Error::BadUse);
    }
    Ok(())
}

/// One name further.
pub(crate) fn step<T: Tree>(
    tree: &mut T,
    session: <T as AccessPolicy>::Session,
    from: Found<<T as AccessPolicy>::Node>,
    name: Name<'_>,
) -> Result<Found<<T as AccessPolicy>::Node>, Error> {
    if !from.qid.is_directory() {
        return Err(Error::NotDirectory);
    }
    if name.as_bytes() == b"." {
        // Not a name in 9P (intro(5)): a client resolves it.
        return Err(Error::Invalid);
    }
    tree.allow(session, from.node, Access::Walk)?;
    tree.walk(session, from.node, name)
}
