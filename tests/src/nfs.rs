//! An NFS server on the loopback, version 3 (RFC 1813), with one file that takes what is written
//! to it. Dropped, it is gone without a word, as a server is whose power fails.

#![allow(clippy::expect_used, reason = "a test's helpers fail as tests do")]

use std::net::Ipv4Addr;
use std::thread::JoinHandle;

use nfsserve::nfs::{fattr3, fileid3, filename3, ftype3, nfspath3, nfsstat3, nfstime3, sattr3, specdata3};
use nfsserve::tcp::{NFSTcp, NFSTcpListener};
use nfsserve::vfs::{DirEntry, NFSFileSystem, ReadDirResult, VFSCapabilities};
use tokio::sync::oneshot;

/// The file's name.
pub const FILE: &str = "file";
const ROOT_ID: fileid3 = 1;
const FILE_ID: fileid3 = 2;
/// What the file holds room for: enough for what a test writes.
const SIZE: u64 = 1 << 20;

/// A server that runs.
pub struct Server {
    port: u16,
    /// Closed, it ends the server.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts one on a free port.
    ///
    /// # Panics
    /// The port cannot be had.
    pub fn start() -> Server {
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
            let runtime = runtime.expect("a runtime");
            runtime.block_on(async {
                let address = format!("{}:0", Ipv4Addr::LOCALHOST);
                let server = NFSTcpListener::bind(&address, Memory).await.expect("a free port");
                tell.send(server.get_listen_port()).expect("the test waits");
                tokio::select! {
                    _ = server.handle_forever() => {}
                    _ = stopped => {}
                }
            });
        });
        let port = told.recv().expect("the server starts");
        Server { port, stop: Some(stop), thread: Some(thread) }
    }

    /// The options of a hard mount of it by a client at this address's other end.
    pub fn mount_options(&self, address: Ipv4Addr) -> String {
        let port = self.port;
        format!(
            "addr={address},mountaddr={address},port={port},mountport={port},vers=3,proto=tcp,mountproto=tcp,nolock,hard"
        )
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            _ = thread.join();
        }
    }
}

/// One folder with one file, whose contents nobody keeps.
struct Memory;

impl Memory {
    fn attributes(id: fileid3) -> Result<fattr3, nfsstat3> {
        let (ftype, mode, size) = match id {
            ROOT_ID => (ftype3::NF3DIR, 0o777, 0),
            FILE_ID => (ftype3::NF3REG, 0o666, SIZE),
            _ => return Err(nfsstat3::NFS3ERR_NOENT),
        };
        let time = nfstime3 { seconds: 1_800_000_000, nseconds: 0 };
        Ok(fattr3 {
            ftype,
            mode,
            nlink: 1,
            uid: 0,
            gid: 0,
            size,
            used: size,
            rdev: specdata3::default(),
            fsid: 0,
            fileid: id,
            atime: time,
            mtime: time,
            ctime: time,
        })
    }
}

#[async_trait::async_trait]
impl NFSFileSystem for Memory {
    fn capabilities(&self) -> VFSCapabilities {
        VFSCapabilities::ReadWrite
    }

    fn root_dir(&self) -> fileid3 {
        ROOT_ID
    }

    async fn lookup(&self, _: fileid3, name: &filename3) -> Result<fileid3, nfsstat3> {
        (name.as_ref() == FILE.as_bytes()).then_some(FILE_ID).ok_or(nfsstat3::NFS3ERR_NOENT)
    }

    async fn getattr(&self, id: fileid3) -> Result<fattr3, nfsstat3> {
        Memory::attributes(id)
    }

    async fn setattr(&self, id: fileid3, _: sattr3) -> Result<fattr3, nfsstat3> {
        Memory::attributes(id)
    }

    async fn read(&self, _: fileid3, offset: u64, count: u32) -> Result<(Vec<u8>, bool), nfsstat3> {
        let length = u64::from(count).min(SIZE.saturating_sub(offset));
        Ok((vec![0; length as usize], offset + length >= SIZE))
    }

    async fn write(&self, id: fileid3, _: u64, _: &[u8]) -> Result<fattr3, nfsstat3> {
        Memory::attributes(id)
    }

    async fn create(
        &self,
        folder: fileid3,
        name: &filename3,
        _: sattr3,
    ) -> Result<(fileid3, fattr3), nfsstat3> {
        let id = self.lookup(folder, name).await?;
        Ok((id, Memory::attributes(id)?))
    }

    async fn create_exclusive(&self, _: fileid3, _: &filename3) -> Result<fileid3, nfsstat3> {
        Err(nfsstat3::NFS3ERR_ACCES)
    }

    async fn mkdir(&self, _: fileid3, _: &filename3) -> Result<(fileid3, fattr3), nfsstat3> {
        Err(nfsstat3::NFS3ERR_ACCES)
    }

    async fn remove(&self, _: fileid3, _: &filename3) -> Result<(), nfsstat3> {
        Err(nfsstat3::NFS3ERR_ACCES)
    }

    async fn rename(&self, _: fileid3, _: &filename3, _: fileid3, _: &filename3) -> Result<(), nfsstat3> {
        Err(nfsstat3::NFS3ERR_ACCES)
    }

    async fn readdir(&self, _: fileid3, after: fileid3, _: usize) -> Result<ReadDirResult, nfsstat3> {
        let file =
            DirEntry { fileid: FILE_ID, name: FILE.as_bytes().into(), attr: Memory::attributes(FILE_ID)? };
        Ok(ReadDirResult { entries: if after == FILE_ID { vec![] } else { vec![file] }, end: true })
    }

    async fn symlink(
        &self,
        _: fileid3,
        _: &filename3,
        _: &nfspath3,
        _: &sattr3,
    ) -> Result<(fileid3, fattr3), nfsstat3> {
        Err(nfsstat3::NFS3ERR_ACCES)
    }

    async fn readlink(&self, _: fileid3) -> Result<nfspath3, nfsstat3> {
        Err(nfsstat3::NFS3ERR_INVAL)
    }
}
