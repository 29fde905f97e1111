//! What an update takes from the machine's work while it is fetched.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use tests::bed;
use tests::version::Version;

use super::journey::{connected, origin, subscribe};
use super::lived_in;
use crate::containers::{Host, with_archive};

/// Where the container answers.
const PORT: u16 = 8080;
/// Requests before the update, and between two looks at whether it is done.
const MANY: usize = 200;
const FEW: usize = 25;
/// Between two requests.
const PAUSE: Duration = Duration::from_millis(20);
/// What `berthctl` leaves, with its exit code, once it is done.
const DONE: &str = "/run/update-done";

/// How long requests took, from the connection to the end of the answer.
#[derive(Default)]
struct Latencies(Vec<Duration>);

impl Latencies {
    fn measure(&mut self, server: SocketAddr, count: usize) -> std::io::Result<()> {
        for _ in 0..count {
            thread::sleep(PAUSE);
            let began = Instant::now();
            let mut stream = TcpStream::connect(server)?;
            stream.write_all(b"GET /page HTTP/1.0\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            assert!(answer.ends_with("works\n"), "{answer}");
            self.0.push(began.elapsed());
        }
        Ok(())
    }

    /// What `share` of a hundred requests take at most.
    fn within(&self, share: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort();
        sorted[(sorted.len() - 1) * share / 100]
    }
}

impl std::fmt::Display for Latencies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [half, most, nearly, all] = [50, 95, 99, 100].map(|share| self.within(share));
        write!(f, "{} requests: median {half:?}, 95 % {most:?}, 99 % {nearly:?}, all {all:?}", self.0.len())
    }
}

#[test]
fn a_container_answers_while_an_update_is_fetched() -> vm::Result<()> {
    let mut origin = origin("load");
    let noise = Path::new(env!("CARGO_TARGET_TMPDIR")).join("load-build");
    Version::open(bed().images().dir()).unwrap().of_noise("0.9.0", &noise).unwrap();
    origin.release(&noise).unwrap();
    std::fs::remove_dir_all(&noise).unwrap();
    let vm = with_archive(connected(&lived_in()?).forward(PORT)).boot()?;
    vm.wait_until_ready()?;
    subscribe(&vm, &origin)?;
    let server = format!("mkdir /tmp/www; echo works > /tmp/www/page; httpd -f -p {PORT} -h /tmp/www");
    Host::of(&vm)?.start("server", "--net-host", &server)?;
    vm.run(&format!("until wget -q -O /dev/null http://127.0.0.1:{PORT}/page; do sleep 0.2; done; sleep 5"))?;
    let address = vm.forwarded(PORT).expect("a port");

    let [mut alone, mut beside] = [Latencies::default(), Latencies::default()];
    alone.measure(address, MANY).unwrap();
    origin.files().take_sent();
    let began = Instant::now();
    vm.run(&format!("(berthctl update apply > {DONE}.log 2>&1; echo $? > {DONE}) >/dev/null 2>&1 &"))?;
    while !vm.attempt(&format!("test -s {DONE}"))?.success() {
        beside.measure(address, FEW).unwrap();
    }
    let took = began.elapsed();
    let outcome = vm.run(&format!("cat {DONE} {DONE}.log"))?;
    assert!(outcome.starts_with('0'), "{outcome}");
    let (bytes, _) = origin.files().take_sent();
    assert!(bytes > 90_000_000, "the whole of it is fetched: {bytes}");
    let peak = vm.run("cat /sys/fs/cgroup/system.slice/updater.service/memory.peak || true")?;
    println!("alone: {alone}\nbeside {bytes} bytes in {took:?}: {beside}\nthe updater's peak: {peak}");
    // A few times as long is what a machine of two emulated processors cannot spare its work.
    assert!(beside.within(50) < 3 * alone.within(50), "the median");
    assert!(beside.within(99) < 5 * alone.within(99), "all but a hundredth");
    Ok(())
}
