//! `cargo xtask serve`: a repository over HTTP, for trying it out.

use crate::about;
use ::release::serve::Server;
use anyhow::Result;
use clap::Args;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args)]
#[command(about = about::SERVE, after_help = "Example:\n  cargo xtask serve /srv/releases --port 8000\n\n\
                        It knows ranges, ETag and If-Modified-Since, and neither TLS nor rights: a fleet wants a web \
                        server or an object store, which serve the same files.")]
pub struct Serve {
    /// The folder
    dir: PathBuf,

    /// Port
    #[arg(long, default_value_t = 8000)]
    port: u16,

    /// Address to listen at; others than this machine reach it only at one that is not the loopback's
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    address: IpAddr,
}

impl Serve {
    pub fn run(self) -> Result<ExitCode> {
        let server = Server::bind(&self.dir, SocketAddr::new(self.address, self.port))?;
        println!("http://{}/", server.address()?);
        server.run(|line| eprintln!("{line}"));
        Ok(ExitCode::SUCCESS)
    }
}
