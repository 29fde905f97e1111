//! Layer: program. Stage 1: `/init` of the initramfs.

fn main() {
    initramfs::emergency::guard(|| match initramfs::boot::run() {
        Err(error) => error,
        Ok(never) => match never {},
    })
}
