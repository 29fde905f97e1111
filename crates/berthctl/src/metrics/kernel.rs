//! What the kernel counts, by the names of node_exporter.

use observe::mounts::{self, Mount};
use observe::pressure::{Pressure, RESOURCES};
use observe::processor::{self, Processors};
use observe::space::Space;
use observe::{Root, block, memory::Memory, net};

use super::text::{Kind, Text};
use crate::status::os_release;

/// Which of the kernel's figures of memory are told; all are sizes.
const MEMORY: [&str; 22] = [
    "Active",
    "AnonPages",
    "Buffers",
    "Cached",
    "CommitLimit",
    "Committed_AS",
    "Dirty",
    "Inactive",
    "KernelStack",
    "Mapped",
    "MemAvailable",
    "MemFree",
    "MemTotal",
    "PageTables",
    "Percpu",
    "SReclaimable",
    "SUnreclaim",
    "Shmem",
    "Slab",
    "SwapFree",
    "SwapTotal",
    "Writeback",
];

/// Adds all of it.
pub fn collect(root: &Root, text: &mut Text) {
    identity(root, text);
    processors(root, text);
    memory(root, text);
    pressure(root, text);
    file_systems(root, text);
    disks(root, text);
    networks(root, text);
}

fn identity(root: &Root, text: &mut Text) {
    let line = |path: &str| root.text(path).trim().to_owned();
    let (release, host) = (line("/proc/sys/kernel/osrelease"), line("/proc/sys/kernel/hostname"));
    let version = line("/proc/sys/kernel/version");
    let labels = [
        ("sysname", "Linux"),
        ("release", release.as_str()),
        ("version", version.as_str()),
        ("machine", std::env::consts::ARCH),
        ("nodename", host.as_str()),
    ];
    text.family("node_uname", Kind::Info, "The kernel.").sample(&labels, 1.0);
    let os = os_release(root);
    let named = |name: &str| os.get(name).map_or("", String::as_str);
    let labels = [
        ("id", named("ID")),
        ("name", named("NAME")),
        ("pretty_name", named("PRETTY_NAME")),
        ("version", named("VERSION")),
        ("version_id", named("VERSION_ID")),
    ];
    text.family("node_os", Kind::Info, "The image.").sample(&labels, 1.0);
    let now = sys::machine::wall_clock();
    text.family("node_time_seconds", Kind::Gauge, "The time since 1970.").sample(&[], now.as_secs_f64());
}

fn processors(root: &Root, text: &mut Text) {
    let found = Processors::parse(&root.text("/proc/stat"));
    let mut family = text.family("node_cpu_seconds", Kind::Counter, "What the processors did, by mode.");
    for (number, seconds) in &found.each {
        for (mode, seconds) in processor::MODES.iter().zip(seconds) {
            family.sample(&[("cpu", &number.to_string()), ("mode", mode)], *seconds);
        }
    }
    for (name, kind, help, value) in [
        ("node_boot_time_seconds", Kind::Gauge, "When the kernel started, since 1970.", found.boot_time),
        (
            "node_context_switches",
            Kind::Counter,
            "Switches from one process to another.",
            found.context_switches,
        ),
        ("node_intr", Kind::Counter, "Interrupts.", found.interrupts),
        ("node_forks", Kind::Counter, "Processes and threads made.", found.forks),
        ("node_procs_running", Kind::Gauge, "Processes that can run.", found.running),
        ("node_procs_blocked", Kind::Gauge, "Processes that wait for a device.", found.blocked),
    ] {
        text.family(name, kind, help).sample(&[], value as f64);
    }
    let load = processor::load(&root.text("/proc/loadavg")).unwrap_or_default();
    for (name, help, value) in [
        ("node_load1", "The load of the last minute.", load[0]),
        ("node_load5", "The load of the last 5 minutes.", load[1]),
        ("node_load15", "The load of the last 15 minutes.", load[2]),
    ] {
        text.family(name, Kind::Gauge, help).sample(&[], value);
    }
}

fn memory(root: &Root, text: &mut Text) {
    let memory = Memory::parse(&root.text("/proc/meminfo"));
    for name in MEMORY {
        if let Some(bytes) = memory.0.get(name) {
            let family = format!("node_memory_{name}_bytes");
            let help = format!("{name} of /proc/meminfo.");
            text.family(&family, Kind::Gauge, &help).sample(&[], *bytes as f64);
        }
    }
}

fn pressure(root: &Root, text: &mut Text) {
    for resource in RESOURCES {
        let Some(pressure) = Pressure::parse(&root.text(&format!("/proc/pressure/{resource}"))) else {
            continue;
        };
        for (word, who, share) in [("waiting", "some", pressure.some), ("stalled", "all", pressure.full)] {
            let family = format!("node_pressure_{resource}_{word}_seconds");
            let help = format!("Time in which {who} work waited for {resource}.");
            text.family(&family, Kind::Counter, &help).sample(&[], share.total_us as f64 / 1e6);
        }
    }
}

fn file_systems(root: &Root, text: &mut Text) {
    let mounts = mounts::parse(&root.text("/proc/self/mounts"));
    let local: Vec<(&Mount, Space)> = mounts::local(&mounts)
        .into_iter()
        .filter_map(|mount| Some((mount, Space::of(root, &mount.place)?)))
        .collect();
    type Figure = fn(&Mount, &Space) -> u64;
    let figures: [(&str, &str, Figure); 6] = [
        ("node_filesystem_size_bytes", "All space.", |_, space| space.size),
        ("node_filesystem_free_bytes", "Free space.", |_, space| space.free),
        ("node_filesystem_avail_bytes", "Space that is free for others than root.", |_, space| {
            space.available
        }),
        ("node_filesystem_files", "How many files it may hold.", |_, space| space.files),
        ("node_filesystem_files_free", "How many more files it may hold.", |_, space| space.files_free),
        ("node_filesystem_readonly", "Whether it is read-only.", |mount, _| u64::from(mount.read_only)),
    ];
    for (name, help, figure) in figures {
        let mut family = text.family(name, Kind::Gauge, help);
        for (mount, space) in &local {
            let labels = [
                ("device", mount.device.as_str()),
                ("fstype", mount.kind.as_str()),
                ("mountpoint", mount.place.as_str()),
            ];
            family.sample(&labels, figure(mount, space) as f64);
        }
    }
}

fn disks(root: &Root, text: &mut Text) {
    let disks = block::parse(&root.text("/proc/diskstats"));
    type Figure = fn(&block::Disk) -> f64;
    let figures: [(&str, Kind, &str, Figure); 8] = [
        ("node_disk_reads_completed", Kind::Counter, "Reads.", |disk| disk.reads as f64),
        ("node_disk_read_bytes", Kind::Counter, "Bytes read.", |disk| disk.read_bytes as f64),
        ("node_disk_read_time_seconds", Kind::Counter, "Time that reads took.", |disk| {
            disk.read_ms as f64 / 1e3
        }),
        ("node_disk_writes_completed", Kind::Counter, "Writes.", |disk| disk.writes as f64),
        ("node_disk_written_bytes", Kind::Counter, "Bytes written.", |disk| disk.written_bytes as f64),
        ("node_disk_write_time_seconds", Kind::Counter, "Time that writes took.", |disk| {
            disk.write_ms as f64 / 1e3
        }),
        ("node_disk_io_now", Kind::Gauge, "What is under way.", |disk| disk.in_flight as f64),
        ("node_disk_io_time_seconds", Kind::Counter, "Time in which something was under way.", |disk| {
            disk.busy_ms as f64 / 1e3
        }),
    ];
    for (name, kind, help, figure) in figures {
        let mut family = text.family(name, kind, help);
        for disk in &disks {
            family.sample(&[("device", &disk.name)], figure(disk));
        }
    }
}

fn networks(root: &Root, text: &mut Text) {
    let traffic = net::parse(&root.text("/proc/net/dev"));
    for (name, help, column) in [
        ("node_network_receive_bytes", "Bytes received.", 0),
        ("node_network_receive_packets", "Packets received.", 1),
        ("node_network_receive_errs", "Packets received with an error.", 2),
        ("node_network_receive_drop", "Packets received and dropped.", 3),
        ("node_network_transmit_bytes", "Bytes sent.", 8),
        ("node_network_transmit_packets", "Packets sent.", 9),
        ("node_network_transmit_errs", "Packets that could not be sent.", 10),
        ("node_network_transmit_drop", "Packets dropped instead of being sent.", 11),
    ] {
        let mut family = text.family(name, Kind::Counter, help);
        for interface in &traffic {
            family.sample(&[("device", &interface.name)], interface.counters[column] as f64);
        }
    }
}
