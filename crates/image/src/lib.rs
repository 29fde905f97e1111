//! Layer: effects. File systems, disks, UKIs.
