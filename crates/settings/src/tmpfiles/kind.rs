//! The types of lines (tmpfiles.d(5), "Type").

/// What a line does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `f`, and `F` as `f+`.
    File,
    /// `w`
    Write,
    /// `d`
    Folder,
    /// `D`
    EmptiedFolder,
    /// `e`
    CleanedFolder,
    /// `v`: a folder, where the file system has no subvolumes.
    Subvolume,
    /// `q`
    QuotaSubvolume,
    /// `Q`
    NewQuotaSubvolume,
    /// `p`
    Fifo,
    /// `L`
    Link,
    /// `c`
    CharDevice,
    /// `b`
    BlockDevice,
    /// `C`
    Copy,
    /// `x`
    Keep,
    /// `X`
    KeepFolder,
    /// `r`
    Remove,
    /// `R`
    RemoveAll,
    /// `z`, and `m`.
    Adjust,
    /// `Z`
    AdjustAll,
    /// `t`
    Xattrs,
    /// `T`
    XattrsAll,
    /// `h`
    Attributes,
    /// `H`
    AttributesAll,
    /// `a`
    Acl,
    /// `A`
    AclAll,
}

use Kind::*;

/// Each with its letter.
const LETTERS: [(char, Kind); 25] = [
    ('A', AclAll),
    ('C', Copy),
    ('D', EmptiedFolder),
    ('H', AttributesAll),
    ('L', Link),
    ('Q', NewQuotaSubvolume),
    ('R', RemoveAll),
    ('T', XattrsAll),
    ('X', KeepFolder),
    ('Z', AdjustAll),
    ('a', Acl),
    ('b', BlockDevice),
    ('c', CharDevice),
    ('d', Folder),
    ('e', CleanedFolder),
    ('f', File),
    ('h', Attributes),
    ('p', Fifo),
    ('q', QuotaSubvolume),
    ('r', Remove),
    ('t', Xattrs),
    ('v', Subvolume),
    ('w', Write),
    ('x', Keep),
    ('z', Adjust),
];

impl Kind {
    /// The type of a letter.
    pub fn of(letter: char) -> Option<Kind> {
        let letter = match letter {
            'F' => 'f',
            'm' => 'z',
            other => other,
        };
        LETTERS.iter().find(|(known, _)| *known == letter).map(|(_, kind)| *kind)
    }

    /// The letter.
    pub fn letter(self) -> char {
        LETTERS.iter().find(|(_, kind)| *kind == self).map_or('?', |(letter, _)| *letter)
    }

    /// Whether the path is a pattern.
    pub fn takes_pattern(self) -> bool {
        matches!(
            self,
            Write
                | CleanedFolder
                | Xattrs
                | XattrsAll
                | Acl
                | AclAll
                | Attributes
                | AttributesAll
                | Keep
                | KeepFolder
                | Remove
                | RemoveAll
                | Adjust
                | AdjustAll
        )
    }

    /// Whether the line says whose the path is, so that two such lines for one path contradict each other.
    pub fn owns(self) -> bool {
        self.can_purge() || matches!(self, Keep | KeepFolder | Remove | RemoveAll)
    }

    /// Whether the path is gone after `--purge`, where the line says so.
    pub fn can_purge(self) -> bool {
        self.is_folder()
            || matches!(self, File | Fifo | Link | CharDevice | BlockDevice | Copy | Write | CleanedFolder)
    }

    /// Whether the line makes a folder.
    pub fn is_folder(self) -> bool {
        matches!(self, Folder | EmptiedFolder | Subvolume | QuotaSubvolume | NewQuotaSubvolume)
    }

    /// Whether the argument has a meaning.
    pub fn takes_argument(self) -> bool {
        self.writes()
            || matches!(self, Link | CharDevice | BlockDevice | Copy)
            || matches!(self, Xattrs | XattrsAll | Attributes | AttributesAll | Acl | AclAll)
    }

    /// Whether the argument is bytes that a file gets.
    pub fn writes(self) -> bool {
        matches!(self, File | Write)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_come_back() {
        for (letter, kind) in LETTERS {
            assert_eq!(Kind::of(letter), Some(kind));
            assert_eq!(kind.letter(), letter);
        }
        assert_eq!(Kind::of('F'), Some(File));
        assert_eq!(Kind::of('m'), Some(Adjust));
        assert_eq!(Kind::of('Y'), None);
    }
}
