//! A disk as far as it decides what boots: names, files and slots; what each action does to it, step by step; and a
//! loader and a stage 1 that boot from it.

use layout::Slot;
use manifest::Version;
use slots::{Action, Entry, EntryName, Esp, Machine, Running, Stray, default_entry, entry_path};
use verity::RootHash;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    Entry(EntryName),
    Stray(String),
}

impl Name {
    fn path(&self) -> String {
        match self {
            Self::Entry(name) => entry_path(name),
            Self::Stray(path) => path.clone(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File {
    pub id: u64,
    /// Whose UKI it is; none while it is not whole.
    pub usrhash: Option<RootHash>,
}

#[derive(Clone, Debug)]
struct Link {
    name: Name,
    file: u64,
    /// A name that was just given says that its file is empty.
    has_size: bool,
}

#[derive(Clone, Debug)]
pub struct Disk {
    running: Running,
    slots: [Option<RootHash>; 2],
    files: Vec<File>,
    links: Vec<Link>,
}

impl Disk {
    pub fn new(slot: Slot, running: RootHash, other: Option<RootHash>) -> Self {
        let mut slots = [other; 2];
        slots[slot as usize] = Some(running);
        Self { running: Running { slot, usrhash: running }, slots, files: Vec::new(), links: Vec::new() }
    }

    pub fn add_file(&mut self, id: u64, usrhash: Option<RootHash>, names: impl IntoIterator<Item = Name>) {
        self.files.push(File { id, usrhash });
        for name in names {
            self.link(id, name);
        }
    }

    pub fn link(&mut self, file: u64, name: Name) {
        self.links.push(Link { name, file, has_size: true });
    }

    pub fn link_without_size(&mut self, file: u64, name: Name) {
        self.links.push(Link { name, file, has_size: false });
    }

    /// The files that have a name.
    pub fn files(&self) -> Vec<File> {
        self.files.iter().copied().filter(|file| self.links.iter().any(|link| link.file == file.id)).collect()
    }

    pub fn machine(&self) -> Machine {
        let mut esp = Esp::default();
        for link in &self.links {
            let place = Some(link.file);
            let usrhash = self.files.iter().find(|file| file.id == link.file).and_then(|file| file.usrhash);
            match &link.name {
                Name::Stray(path) => esp.strays.push(Stray { path: path.clone(), place }),
                Name::Entry(name) => {
                    let usrhash = usrhash.filter(|_| link.has_size);
                    esp.entries.push(Entry { name: name.clone(), usrhash, place });
                }
            }
        }
        Machine { running: Some(self.running), slots: self.slots, esp }
    }

    /// What the disk is after each step of an action; the last is after all of it.
    pub fn steps(&self, action: &Action) -> Vec<Self> {
        match action {
            Action::RemoveEntry(name) => vec![self.without_file(&entry_path(name))],
            Action::RemoveFile(path) => vec![self.without_file(path)],
            Action::Unlink(path) => {
                let file = self.link_at(path).file;
                let names = self.links.iter().filter(|link| link.file == file).count();
                assert!(names > 1, "{path} is the only name of its file: {self:#?}");
                vec![self.without(path)]
            }
            Action::Rename { from, to } => self.rename(&entry_path(from), to),
            Action::Publish { temp, name } => self.rename(temp, name),
            Action::Invalidate(slot) => vec![self.with_slot(*slot, None)],
            Action::WriteSlot(slot, usrhash) => {
                assert_eq!(self.slots[*slot as usize], None, "a slot that was not given up is written");
                vec![self.clone(), self.with_slot(*slot, Some(*usrhash))]
            }
            Action::VerifySlot(slot, usrhash) => {
                assert_eq!(self.slots[*slot as usize], Some(*usrhash));
                vec![self.clone()]
            }
            Action::WriteUki(path) => {
                let file = |usrhash| {
                    let mut disk = self.clone();
                    disk.add_file(100, usrhash, [Name::Stray(path.clone())]);
                    disk
                };
                let slot = !self.running.slot;
                vec![file(None), file(self.slots[slot as usize])]
            }
            Action::VerifyUki(_) => vec![self.clone()],
        }
    }

    pub fn after(&self, actions: &[Action]) -> Self {
        let mut disk = self.clone();
        for action in actions {
            disk = disk.steps(action).pop().unwrap();
        }
        disk
    }

    /// As Linux renames on a FAT, each directory entry being on the disk before the next is written: the new name,
    /// first its short form, without a size; then the size; then the old name goes.
    fn rename(&self, from: &str, to: &EntryName) -> Vec<Self> {
        let to_path = entry_path(to);
        assert!(
            self.links.iter().all(|link| link.name.path() != to_path),
            "{to} is there already: {self:#?}"
        );
        let file = self.link_at(from).file;
        let with = |name: Name, has_size| {
            let mut disk = self.clone();
            disk.links.push(Link { name, file, has_size });
            disk
        };
        let whole = with(Name::Entry(to.clone()), true);
        let last = whole.without(from);
        vec![
            with(Name::Stray("EFI/Linux/BERTH_~9.EFI".into()), false),
            with(Name::Entry(to.clone()), false),
            whole,
            last,
        ]
    }

    fn link_at(&self, path: &str) -> &Link {
        self.links
            .iter()
            .find(|link| link.name.path() == path)
            .unwrap_or_else(|| panic!("no {path}: {self:#?}"))
    }

    fn without(&self, path: &str) -> Self {
        self.link_at(path);
        let mut disk = self.clone();
        disk.links.retain(|link| link.name.path() != path);
        disk
    }

    /// Its clusters go with it: all other names stand for nothing then.
    fn without_file(&self, path: &str) -> Self {
        let file = self.link_at(path).file;
        let mut disk = self.without(path);
        disk.files.retain(|other| other.id != file);
        disk
    }

    fn with_slot(&self, slot: Slot, content: Option<RootHash>) -> Self {
        assert_ne!(slot, self.running.slot, "the running slot is written");
        let mut disk = self.clone();
        disk.slots[slot as usize] = content;
        disk
    }

    /// Boots until something sound is up; `faulty` versions fail after the loader. None where the machine would boot
    /// for ever, or not at all.
    pub fn boots(&self, faulty: &[Version]) -> Option<Version> {
        let mut machine = self.machine();
        for _ in 0..20 {
            let entry = default_entry(&machine.esp.entries)?.clone();
            if machine.is_bootable(&entry) && !faulty.contains(&entry.name.version) {
                return Some(entry.name.version);
            }
            let bumped = entry.name.bumped();
            if bumped == entry.name {
                return None;
            }
            for other in machine.esp.entries.iter_mut().filter(|other| other.name == entry.name) {
                other.name = bumped.clone();
            }
        }
        None
    }

    /// What the loader's rename of the entry that it boots leaves when it is cut: both names.
    pub fn cuts_of_loader(&self) -> Vec<Self> {
        let machine = self.machine();
        let Some(entry) = machine.next_entry().filter(|entry| !entry.name.is_good()) else {
            return Vec::new();
        };
        let bumped = Name::Entry(entry.name.bumped());
        if self.links.iter().any(|link| link.name == bumped) {
            return Vec::new();
        }
        let mut disk = self.clone();
        let file = self.link_at(&entry_path(&entry.name)).file;
        disk.links.push(Link { name: bumped, file, has_size: true });
        vec![disk]
    }
}
