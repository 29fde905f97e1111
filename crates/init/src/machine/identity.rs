//! Who this machine is: its id, its name.

use std::fs;
use std::path::Path;

use anyhow::{Result, bail};
use identity::hosts::{HOSTS, HOSTS_MODE, with_own_name};
use identity::{HOST_NAME, HOST_NAME_ARGUMENT, MACHINE_ID, MACHINE_ID_ARGUMENT, Names, is_machine_id};
use layout::args;

/// Makes this machine's id, if it has none, or takes the one that the kernel's command line says. Says whether it
/// had none before.
pub fn machine_id(command_line: &str) -> Result<bool> {
    let path = Path::new(MACHINE_ID);
    let text = fs::read_to_string(path).unwrap_or_default();
    let has = Some(text.trim()).filter(|id| is_machine_id(id));
    let told = args::value(command_line, MACHINE_ID_ARGUMENT).map(|id| id.to_ascii_lowercase());
    let id = match (told.as_deref(), has) {
        (Some(told), _) if is_machine_id(told) => told.to_owned(),
        (_, Some(has)) => has.to_owned(),
        _ => identity::machine_id(sys::random::name_16()?),
    };
    if has != Some(&id) {
        sys::file::replace_synced(path, format!("{id}\n").as_bytes(), 0o444)?;
    }
    Ok(has.is_none())
}

/// Whether what was written by hand can be followed.
pub fn check(command_line: &str) -> Result<()> {
    match args::value(command_line, MACHINE_ID_ARGUMENT) {
        Some(id) if !is_machine_id(&id) => {
            bail!("kernel argument {MACHINE_ID_ARGUMENT}={id} is no machine's id")
        }
        _ => {}
    }
    let text = fs::read_to_string(HOST_NAME).unwrap_or_default();
    let argument = args::value(command_line, HOST_NAME_ARGUMENT);
    let names = [(HOST_NAME, identity::in_file(&text)), (HOST_NAME_ARGUMENT, argument.as_deref())];
    for (place, name) in names {
        match name {
            Some(name) if !identity::is_host_name(name) => bail!("{place}: {name:?} cannot name a machine"),
            _ => {}
        }
    }
    Ok(())
}

/// Gives the machine its name, as far as that is known before there is a network.
pub fn host_name(command_line: &str) -> Result<()> {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let names = Names {
        file: read(HOST_NAME),
        argument: args::value(command_line, HOST_NAME_ARGUMENT),
        machine_id: read(MACHINE_ID).trim().to_owned(),
        ..Names::default()
    };
    let (name, _) = names.best();
    sys::machine::set_host_name(&name)?;
    Ok(sys::file::revise(Path::new(HOSTS), HOSTS_MODE, |text| with_own_name(text, &name))?)
}

/// This boot's id, without dashes.
pub fn boot_id() -> String {
    let id = fs::read_to_string(layout::path::BOOT_ID).unwrap_or_default();
    id.trim().replace('-', "")
}
