//! What this server does not do: each request is answered with the error that fits.

use secure9p_codec::{Fid, Reply, Request};

use crate::Error;
use crate::connection::{Answer, Answering, Connection};
use crate::hooks::Hooks;
use crate::tree::Tree;

impl<T: Tree, const FIDS: usize, const WAITING: usize, H: Hooks> Connection<T, FIDS, WAITING, H> {
    /// Answers the requests that need no tree. A fid that is unknown is said first.
    pub(crate) fn refused(
        &mut self,
        to: Answering<'_>,
        request: Request<'_>,
    ) -> Result<Answer, Error> {
        match request {
            // Every write is in place when it is answered.
            Request::Fsync { fid, .. } => {
                self.known(&[fid])?;
                to.send(&Reply::Fsync)
            }
            // Clients of 9P2000.L ask first and go on when they hear ENOENT.
            Request::Auth { .. } => Err(Error::NoAuth),
            Request::Xattrwalk { fid, .. } => self.no(&[fid], Error::NoData),
            // There are no symbolic links, and readlink(2) says that with EINVAL.
            Request::Readlink { fid } => self.no(&[fid], Error::Invalid),
            Request::Xattrcreate { fid, .. }
            | Request::Lock { fid, .. }
            | Request::Getlock { fid, .. } => self.no(&[fid], Error::Unsupported),
            // Only the hive itself makes, moves and removes files.
            Request::Symlink { fid, .. } => self.no(&[fid], Error::Permission),
            Request::Mknod { dfid, .. } | Request::Mkdir { dfid, .. } => {
                self.no(&[dfid], Error::Permission)
            }
            Request::Unlinkat { dirfid, .. } => self.no(&[dirfid], Error::Permission),
            Request::Rename { fid, dfid, .. } | Request::Link { fid, dfid, .. } => {
                self.no(&[fid, dfid], Error::Permission)
            }
            Request::Renameat { olddirfid, newdirfid, .. } => {
                self.no(&[olddirfid, newdirfid], Error::Permission)
            }
            _ => Err(Error::Unsupported),
        }
    }

    fn known(&self, fids: &[Fid]) -> Result<(), Error> {
        fids.iter().try_for_each(|fid| self.fids.find(*fid).map(|_| ()))
    }

    fn no(&self, fids: &[Fid], error: Error) -> Result<Answer, Error> {
        self.known(fids)?;
        Err(error)
    }
}
