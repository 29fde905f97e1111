//! Layer: effects. What a cloud or a hypervisor tells a machine.
#![forbid(unsafe_code)]
