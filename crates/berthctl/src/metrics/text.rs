//! OpenMetrics text (the OpenMetrics specification, 1.0).

/// What kind of metric a family is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number that goes up and down.
    Gauge,
    /// A number that only grows; its samples' names end in `_total`.
    Counter,
    /// Facts as labels; its samples' names end in `_info`, and have the value 1.
    Info,
}

/// The text as it is written: a family after the other.
#[derive(Debug, Default)]
pub struct Text(String);

/// A family, to be given its samples.
pub struct Family<'a> {
    text: &'a mut String,
    name: &'a str,
    kind: Kind,
}

impl Text {
    /// Begins a family. Its name has no ending of its kind, but that of its unit where it has one:
    /// `_bytes`, `_seconds`.
    pub fn family<'a>(&'a mut self, name: &'a str, kind: Kind, help: &str) -> Family<'a> {
        let word = match kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
            Kind::Info => "info",
        };
        self.0.push_str(&format!("# TYPE {name} {word}\n"));
        let unit = ["bytes", "seconds"].into_iter().find(|unit| name.ends_with(&format!("_{unit}")));
        if let Some(unit) = unit {
            self.0.push_str(&format!("# UNIT {name} {unit}\n"));
        }
        self.0.push_str(&format!("# HELP {name} {}\n", escape(help)));
        Family { text: &mut self.0, name, kind }
    }

    /// The whole text.
    pub fn finish(mut self) -> String {
        self.0.push_str("# EOF\n");
        self.0
    }
}

impl Family<'_> {
    /// Adds a sample.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: f64) {
        let end = match self.kind {
            Kind::Gauge => "",
            Kind::Counter => "_total",
            Kind::Info => "_info",
        };
        self.text.push_str(self.name);
        self.text.push_str(end);
        if !labels.is_empty() {
            let labels: Vec<String> =
                labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
            self.text.push_str(&format!("{{{}}}", labels.join(",")));
        }
        self.text.push_str(&format!(" {value}\n"));
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_with_their_samples() {
        let mut text = Text::default();
        text.family("node_load1", Kind::Gauge, "1m load average.").sample(&[], 0.5);
        let mut family = text.family("x_read_bytes", Kind::Counter, "What \"is\" read.");
        family.sample(&[("device", "a\"b\\c\nd"), ("x", "y")], 1e15);
        family.sample(&[("device", "z"), ("x", "y")], 12.0);
        text.family("x_os", Kind::Info, "It.").sample(&[("version", "1")], 1.0);
        assert_eq!(
            text.finish(),
            "# TYPE node_load1 gauge\n# HELP node_load1 1m load average.\nnode_load1 0.5\n\
             # TYPE x_read_bytes counter\n# UNIT x_read_bytes bytes\n# HELP x_read_bytes What \\\"is\\\" read.\n\
             x_read_bytes_total{device=\"a\\\"b\\\\c\\nd\",x=\"y\"} 1000000000000000\n\
             x_read_bytes_total{device=\"z\",x=\"y\"} 12\n\
             # TYPE x_os info\n# HELP x_os It.\nx_os_info{version=\"1\"} 1\n# EOF\n"
        );
    }
}
