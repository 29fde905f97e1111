//! A root of the packages' files, with PID 1 in it, in namespaces of its own. Users and folders, which
//! their maintainer scripts would make, are made here. Only root can give services users of their own.

use std::fs;
use std::path::Path;

use crate::UNITS;

/// What is added to /etc/passwd and /etc/group.
const USERS: [(&str, u32); 8] = [
    ("www-data", 33),
    ("_chrony", 501),
    ("redis", 502),
    ("postgres", 503),
    ("prometheus", 504),
    ("haproxy", 505),
    ("ssl-cert", 506),
    ("memcache", 507),
];

/// Folders that maintainer scripts make, and whose they are.
const FOLDERS: [(&str, &str); 9] = [
    ("/var/log/nginx", "www-data"),
    ("/var/lib/nginx", "www-data"),
    ("/var/lib/redis", "redis"),
    ("/var/log/redis", "redis"),
    ("/var/lib/postgresql", "postgres"),
    ("/var/log/postgresql", "postgres"),
    ("/var/lib/chrony", "_chrony"),
    ("/var/log/chrony", "_chrony"),
    ("/var/lib/haproxy", "haproxy"),
];

/// `CAP_SYS_ADMIN` and `CAP_SYS_TIME`, without which chrony's unit is not started (capabilities(7)).
const NEEDED: u64 = 1 << 21 | 1 << 25;

/// Whether the tests run as root, with all of its users, and may do what a machine's root may.
pub fn is_root() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let is_zero = field("Uid:").is_some_and(|ids| ids.starts_with("0\t"));
    let capabilities = field("CapEff:").and_then(|hex| u64::from_str_radix(hex, 16).ok()).unwrap_or(0);
    let has_users = map.split_whitespace().nth(2).and_then(|count| count.parse().ok()) > Some(1000u64);
    is_zero && has_users && capabilities & NEEDED == NEEDED && may_unshare()
}

fn may_unshare() -> bool {
    let mut command = std::process::Command::new("unshare");
    command.args(["--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "true"]);
    command.status().is_ok_and(|status| status.success())
}

/// The script that makes the root at `$ROOT` of the tree `$TREE`, and becomes PID 1 (`$INIT`) in it,
/// with units in `$SHARED/units` and its sockets in `$SHARED/run`.
pub fn script() -> String {
    let users: String = USERS
        .iter()
        .map(|(name, id)| {
            format!(
                "echo '{name}:x:{id}:{id}::/var/lib/{name}:/bin/sh' >> $ROOT/etc/passwd\n\
                 echo '{name}:x:{id}:' >> $ROOT/etc/group\n"
            )
        })
        .collect();
    let folders: String = FOLDERS
        .iter()
        .map(|(path, user)| {
            let (_, id) = USERS.iter().find(|(name, _)| name == user).unwrap();
            format!("mkdir -p $ROOT{path}; chown {id}:{id} $ROOT{path}\n")
        })
        .collect();
    format!(
        "set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs $ROOT
mkdir -p $ROOT/usr $ROOT/proc $ROOT/dev $ROOT/run $ROOT/tmp $ROOT/shared $ROOT/root $ROOT/home
chmod 1777 $ROOT/tmp
mount --bind $TREE/usr $ROOT/usr
mount -t tmpfs -o mode=755 tmpfs $ROOT/dev
for device in null zero full random urandom tty; do touch $ROOT/dev/$device; mount --bind /dev/$device $ROOT/dev/$device; done
mkdir $ROOT/dev/shm $ROOT/dev/pts $ROOT/sys; chmod 1777 $ROOT/dev/shm; touch $ROOT/dev/log
ln -s /proc/self/fd $ROOT/dev/fd
mount -t proc proc $ROOT/proc
mount -t sysfs sysfs $ROOT/sys
mount -t tmpfs -o mode=755 tmpfs $ROOT/run
mount --bind $SHARED $ROOT/shared
cp -a $TREE/etc $TREE/var $ROOT/
chown -R 0:0 $ROOT/etc $ROOT/var
rm -rf $ROOT/var/run; ln -s /run $ROOT/var/run; mkdir -p $ROOT/var/tmp; chmod 1777 $ROOT/var/tmp
for link in bin sbin lib lib64; do ln -sfn usr/$link $ROOT/$link; done
touch $ROOT/init; mount --bind $INIT $ROOT/init
printf 'root:x:0:0:root:/root:/bin/sh\\nnobody:x:65534:65534::/:/bin/false\\n' > $ROOT/etc/passwd
printf 'root:x:0:\\nadm:x:4:\\nnogroup:x:65534:\\n' > $ROOT/etc/group
printf '127.0.0.1 localhost\\n' > $ROOT/etc/hosts
echo 'server {{ listen 80; location / {{ return 200 nginx; }} }}' > $ROOT/etc/nginx/conf.d/x.conf
cp $ROOT/usr/share/chrony/chrony.conf $ROOT/etc/chrony/
echo 0123456789abcdef0123456789abcdef > $ROOT/etc/machine-id
{users}{folders}chroot $ROOT /usr/sbin/ip link set lo up
cd $ROOT; mkdir old; pivot_root . old; umount -l /old
exec /init --container --target all.target --unit-path /shared/units --runtime-dir /shared/run
"
    )
}

/// Copies unit files of the packages as they are.
pub fn copy_units(tree: &Path, names: &[&str], to: &Path) {
    fs::create_dir_all(to).unwrap();
    for name in names {
        fs::copy(tree.join(UNITS).join(name), to.join(name)).unwrap();
    }
}
