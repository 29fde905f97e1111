//! Dependencies that follow from a unit's own settings, whatever `DefaultDependencies=` says.

use crate::model::{Kind, Need, Origin, Relation, Unit};
use crate::mount::prefixes;
use crate::name::UnitName;
use crate::{device, slice, text};

/// Adds them.
pub(super) fn add(unit: &mut Unit) {
    let mut mounts: Vec<String> = Vec::new();
    let mut triggers: Option<UnitName> = None;
    match &unit.kind {
        Kind::Service(service) => {
            let directory = service.exec.working_directory.iter().filter(|directory| !directory.optional);
            mounts.extend(directory.filter_map(|directory| directory.path.clone()));
            for (kind, directories) in &service.exec.directories {
                mounts.extend(directories.paths.iter().map(|path| format!("{}/{path}", kind.base())));
            }
        }
        Kind::Socket(socket) => {
            mounts.extend(socket.paths().map(str::to_owned));
            triggers = Some(socket.service.clone()).filter(|_| !socket.accept);
        }
        Kind::Path(path) => {
            mounts.extend(path.watched.iter().map(|watched| text::glob::base(&watched.path).to_owned()));
            triggers = Some(path.unit.clone());
        }
        Kind::Timer(timer) => {
            mounts.extend(timer.persistent.then(|| layout::path::TIMERS.to_owned()));
            triggers = Some(timer.unit.clone());
        }
        Kind::Mount(mount) => {
            let mut above = prefixes(&mount.place);
            above.pop();
            mounts.extend(above.pop());
            mounts.extend(mount.source_path().map(str::to_owned));
        }
        Kind::Swap(swap) if !swap.what.starts_with("/dev/") => mounts.push(swap.what.clone()),
        Kind::Swap(_) | Kind::Target | Kind::Device(_) | Kind::Slice(_) => {}
    }
    bind_to_device(unit);
    for path in mounts {
        unit.needs_mounts_for(&path, Need::Requires);
    }
    if let Some(other) = triggers {
        unit.relate(Relation::Before, other.clone(), Origin::Stated);
        unit.relate(Relation::Triggers, other, Origin::Stated);
    }
    let above = match &unit.kind {
        Kind::Slice(_) => slice::parent(&unit.name),
        _ => unit.processes().map(|service| service.slice.clone()),
    };
    if let Some(above) = above.filter(|above| !slice::is_permanent(above)) {
        unit.relate(Relation::Requires, above.clone(), Origin::Default);
        unit.relate(Relation::After, above, Origin::Default);
    }
}

/// What is mounted or swapped to goes with its device, where a file describes it: of what somebody
/// mounted by hand PID 1 knows no order.
fn bind_to_device(unit: &mut Unit) {
    let (what, options) = match &unit.kind {
        Kind::Mount(mount) if !mount.is_bind() => (&mount.what, &mount.options),
        Kind::Swap(swap) => (&swap.what, &swap.options),
        _ => return,
    };
    let Some(device) = device::of_source(what).filter(|_| !unit.sources.is_empty()) else {
        return;
    };
    let is_loose = options.iter().any(|option| option == "x-systemd.device-bound=no");
    let relation = if is_loose { Relation::Requires } else { Relation::BindsTo };
    unit.relate(relation, device.clone(), Origin::Default);
    unit.relate(Relation::After, device, Origin::Default);
}
