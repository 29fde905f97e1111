//! Characters that names of device links may hold (udev(7), string escape).

/// Whether a character stands for itself in a link's name.
pub fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "#+-.:=@_".contains(c)
}

/// Every other ASCII character as `\xNN`; what is beyond ASCII stays. For labels and names of
/// partitions.
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_plain(c) || !c.is_ascii() {
            out.push(c);
        } else {
            out.push_str(&format!("\\x{:02x}", u32::from(c)));
        }
    }
    out
}
