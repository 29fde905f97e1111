//! `cargo xtask keys`: the keys that sign releases.

use crate::about;
use ::release::{Keys as Folder, Role};
use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args)]
#[command(about = about::KEYS, after_help = "Examples:\n  cargo xtask keys init ~/berth-keys\n  \
                        cargo xtask keys rotate ~/berth-keys targets\n\n\
                        The public part, which images have baked in, is root.json in the folder. Keep the root-*.pem \
                        elsewhere: two of the three are needed to change keys, and none to publish.")]
pub struct Keys {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a folder of new keys: three of the root, of which two must sign, and one a role
    Init {
        /// The folder, which must not be there yet, or be empty
        dir: PathBuf,
    },
    /// Give roles new keys, and the root a new version and ten more years; without a role, that alone
    Rotate {
        /// The folder of keys
        dir: PathBuf,
        /// The roles that get new keys
        roles: Vec<RoleName>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum RoleName {
    /// Who says whose signatures count: three keys
    Root,
    /// Who says what the releases are
    Targets,
    /// Who says which metadata belongs together
    Snapshot,
    /// Who says which snapshot is the newest
    Timestamp,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Root => Self::Root,
            RoleName::Targets => Self::Targets,
            RoleName::Snapshot => Self::Snapshot,
            RoleName::Timestamp => Self::Timestamp,
        }
    }
}

impl Keys {
    pub fn run(self) -> Result<ExitCode> {
        match self.command {
            Command::Init { dir } => {
                let keys = Folder::init(&dir)?;
                eprintln!("new keys in {}; keep root-*.pem elsewhere", dir.display());
                println!("{}", keys.root_json().display());
            }
            Command::Rotate { dir, roles } => {
                let roles: Vec<Role> = roles.into_iter().map(Role::from).collect();
                let rotation = Folder::open(&dir)?.rotate(&roles)?;
                eprintln!(
                    "the root is version {}; publish it: cargo xtask release --refresh",
                    rotation.version
                );
                for path in rotation.retired {
                    println!("{}", path.display());
                    eprintln!("  counts no more once that is published: destroy it then");
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
