//! What lies on the EFI system partition (design section 5). Paths are relative to its root.

/// The guard: what firmware starts by default. It starts [`SYSTEMD_BOOT`] and resets the machine
/// when that returns.
pub const GUARD: &str = "EFI/BOOT/BOOTX64.EFI";
/// systemd-boot.
pub const SYSTEMD_BOOT: &str = "EFI/systemd/systemd-bootx64.efi";
/// Folder of a guard and a loader that are tried once before they take the place of the others.
pub const TRIAL_DIR: &str = "EFI/berth-trial";
/// The guard on trial.
pub const TRIAL_GUARD: &str = "EFI/berth-trial/guard.efi";
/// The loader on trial.
pub const TRIAL_SYSTEMD_BOOT: &str = "EFI/berth-trial/systemd-bootx64.efi";
/// What firmware calls its entry for them.
pub const TRIAL_ENTRY: &str = "Berth: new boot loader, tried once";
/// systemd-boot's settings.
pub const LOADER_CONF: &str = "loader/loader.conf";
/// Folder of the UKIs (Boot Loader Specification, type 2 entries).
pub const UKI_DIR: &str = "EFI/Linux";
/// Folder of files that are not whole yet. Neither the firmware nor the loader looks into it.
pub const STAGING_DIR: &str = "EFI/berth";
/// Folder of addons that apply to every UKI.
pub const ADDON_DIR: &str = "loader/addons";
/// The addon with the kernel arguments of the machine's config.
pub const ADDON: &str = "loader/addons/ignition.addon.efi";

/// Start of a UKI's file name. The whole is `berth_<version>[+<left>[-<done>]].efi`: the Boot
/// Loader Specification's boot counting, with the tries left and those done.
pub const UKI_PREFIX: &str = "berth_";
/// End of a UKI's file name.
pub const UKI_SUFFIX: &str = ".efi";
/// Stands between the version and the tries left.
pub const UKI_LEFT: char = '+';
/// Stands between the tries left and those done.
pub const UKI_DONE: char = '-';
/// Tries that an updated UKI is given.
pub const UKI_TRIES: u32 = 3;

/// File name of the UKI of a version without a counter: a shipped or a blessed one.
pub fn uki_name(version: &str) -> String {
    format!("{UKI_PREFIX}{version}{UKI_SUFFIX}")
}

/// EFI variable (in the namespace [`LOADER_VENDOR`]) that holds the PARTUUID of the ESP that the
/// machine was booted from, as UTF-16 text.
pub const LOADER_DEVICE_VARIABLE: &str = "LoaderDevicePartUUID";
/// EFI variable of the same namespace: the path of the entry that the loader has counted down for this boot. It is not
/// there where the entry has no counter.
pub const LOADER_BOOT_COUNT_VARIABLE: &str = "LoaderBootCountPath";
/// EFI variable, in the same namespace, that names the entry that systemd-boot started, as UTF-16 text.
pub const LOADER_ENTRY_VARIABLE: &str = "LoaderEntrySelected";
/// EFI variable, in the same namespace: the path of the loader itself, as UTF-16 text.
pub const LOADER_IMAGE_VARIABLE: &str = "LoaderImageIdentifier";
/// A variable of the Boot Loader Interface, as efivarfs calls its file in [`crate::path::EFI_VARIABLES`].
pub fn loader_variable(name: &str) -> String {
    format!("{name}-{LOADER_VENDOR}")
}

/// Vendor GUID of the Boot Loader Interface's variables.
pub const LOADER_VENDOR: &str = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
/// Vendor GUID of the UEFI specification's own variables (section 3.3): `BootNext`, `Boot0000` and their like.
pub const EFI_VENDOR: &str = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
