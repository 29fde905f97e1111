//! What is asked of a journal beside its entries.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use journal::Limits;

use super::options::Plan;
use crate::table::columns;
use crate::time::size;

/// How long the log daemon may take: a busy disk may need as long to flush.
const PATIENCE: Duration = Duration::from_secs(60);

/// The boots in the journal.
pub fn boots(plan: &Plan) -> Result<()> {
    let boots = plan.reader.boots()?;
    let mut clock = plan.format.clock.clone();
    let mut rows = vec![["IDX", "BOOT ID", "FIRST ENTRY", "LAST ENTRY"].map(str::to_owned).to_vec()];
    for (index, boot) in boots.iter().enumerate() {
        let offset = index as i64 + 1 - boots.len() as i64;
        let times = [clock.full(boot.first_us), clock.full(boot.last_us)];
        rows.push([vec![format!("{offset:>3}"), boot.id.to_string()], times.to_vec()].concat());
    }
    let header = usize::from(plan.quiet);
    columns(&rows).iter().skip(header).for_each(|line| println!("{line}"));
    Ok(())
}

/// How much it takes.
pub fn disk_usage(plan: &Plan) -> Result<()> {
    println!("The journal takes {} on disk.", size(plan.reader.disk_usage()?));
    Ok(())
}

/// Removes the oldest segments.
pub fn vacuum(plan: &Plan, limits: &Limits) -> Result<()> {
    for dir in plan.reader.dirs() {
        let removed = journal::vacuum(dir, limits)?;
        if removed.segments > 0 || !plan.quiet {
            let (count, bytes) = (removed.segments, size(removed.bytes));
            println!("{}: {count} segments removed, {bytes} freed.", dir.display());
        }
    }
    Ok(())
}

/// Reads everything, and tells what is damaged.
pub fn verify(plan: &Plan) -> Result<u8> {
    let mut code = 0;
    for segment in plan.reader.verify()? {
        let verdict = match segment.damaged {
            0 => "whole".to_owned(),
            bytes => format!("{bytes} bytes are damaged and passed over"),
        };
        code |= u8::from(segment.damaged > 0);
        if segment.damaged > 0 || !plan.quiet {
            println!("{}: {} entries, {verdict}", segment.path.display(), segment.entries);
        }
    }
    Ok(code)
}

/// Has the log daemon do something, and waits until it has.
pub fn ask(request: &str) -> Result<()> {
    let path = std::env::var("BERTH_LOGD_SOCKET").unwrap_or_else(|_| layout::path::LOGD_SOCKET.to_owned());
    let doing = || format!("cannot ask the log daemon at {path}");
    let own = SocketAddr::from_abstract_name(format!("berth-journalctl-{}", std::process::id()))?;
    let socket = UnixDatagram::bind_addr(&own).with_context(doing)?;
    socket.connect(&path).with_context(doing)?;
    socket.set_read_timeout(Some(PATIENCE)).with_context(doing)?;
    socket.send(request.as_bytes()).with_context(doing)?;
    let mut answer = [0; 4096];
    let length =
        socket.recv(&mut answer).with_context(|| format!("the log daemon did not {request} in time"))?;
    match &answer[..length] {
        b"done" => Ok(()),
        other => bail!("the log daemon cannot {request}: {}", String::from_utf8_lossy(other)),
    }
}
