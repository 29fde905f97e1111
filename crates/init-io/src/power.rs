//! The power button, as an input device (the kernel's input.rst).

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use litemap::LiteMap;
use rustix::fs::OFlags;

use crate::poller::{Polled, Poller, Readiness, Source};

const CLASS: &str = "/sys/class/input";
/// `EV_KEY` and `KEY_POWER` (linux/input-event-codes.h).
const EV_KEY: u16 = 1;
const KEY_POWER: u16 = 116;
/// Bytes of `struct input_event`: two longs of time, type, code, value.
const EVENT: usize = 24;

/// The devices that have a power key.
#[derive(Default)]
pub struct PowerButtons {
    devices: LiteMap<u32, Polled<File>>,
}

impl PowerButtons {
    /// Finds the devices that are there.
    pub fn find(&mut self, poller: &Poller) {
        for entry in fs::read_dir(CLASS).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let number = name.strip_prefix("event").and_then(|number| number.parse().ok());
            let Some(number) = number.filter(|_| has_power_key(&entry.path())) else {
                continue;
            };
            let flags = OFlags::NONBLOCK.bits() as i32;
            let device =
                File::options().read(true).custom_flags(flags).open(Path::new("/dev/input").join(&name));
            if let Ok(device) = device
                && let Ok(device) = poller.hold(device, Source::Power(number), Readiness::Read)
            {
                self.devices.insert(number, device);
            }
        }
    }

    /// Reads from a device: whether its power key went down.
    pub fn pressed(&mut self, number: u32) -> bool {
        let mut pressed = false;
        let mut buffer = [0; EVENT * 16];
        let Some(device) = self.devices.get_mut(&number) else {
            return false;
        };
        loop {
            match device.read(&mut buffer) {
                Ok(read) if read > 0 => {
                    pressed |= buffer[..read].chunks_exact(EVENT).any(|event| {
                        let word = |at: usize| u16::from_ne_bytes([event[at], event[at + 1]]);
                        word(16) == EV_KEY && word(18) == KEY_POWER && event[20] == 1
                    });
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return pressed,
                // Unplugged.
                _ => {
                    self.devices.remove(&number);
                    return pressed;
                }
            }
        }
    }
}

/// Looks at the device's map of keys: words of 64 bits in hex, the highest first.
fn has_power_key(event: &Path) -> bool {
    let keys = fs::read_to_string(event.join("device/capabilities/key")).unwrap_or_default();
    let word = keys.split_whitespace().rev().nth(usize::from(KEY_POWER) / 64);
    let word = word.and_then(|hex| u64::from_str_radix(hex, 16).ok()).unwrap_or(0);
    word >> (KEY_POWER % 64) & 1 == 1
}
