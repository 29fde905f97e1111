//! System calls of x86-64 by name, and the groups of them that `SystemCallFilter=` knows. Sources: the
//! kernel's syscall_64.tbl (6.12); systemd.exec(5), "System Call Filtering".

use std::sync::LazyLock;

/// The names in the order of their numbers, `-` for a number that is not used.
const FIRST: &str = "\
read write open close stat fstat lstat poll lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask \
rt_sigreturn ioctl pread64 pwrite64 readv writev access pipe select sched_yield mremap msync mincore \
madvise shmget shmat shmctl dup dup2 pause nanosleep getitimer alarm setitimer getpid sendfile socket \
connect accept sendto recvfrom sendmsg recvmsg shutdown bind listen getsockname getpeername socketpair \
setsockopt getsockopt clone fork vfork execve exit wait4 kill uname semget semop semctl shmdt msgget \
msgsnd msgrcv msgctl fcntl flock fsync fdatasync truncate ftruncate getdents getcwd chdir fchdir rename \
mkdir rmdir creat link unlink symlink readlink chmod fchmod chown fchown lchown umask gettimeofday \
getrlimit getrusage sysinfo times ptrace getuid syslog getgid setuid setgid geteuid getegid setpgid \
getppid getpgrp setsid setreuid setregid getgroups setgroups setresuid getresuid setresgid getresgid \
getpgid setfsuid setfsgid getsid capget capset rt_sigpending rt_sigtimedwait rt_sigqueueinfo \
rt_sigsuspend sigaltstack utime mknod uselib personality ustat statfs fstatfs sysfs getpriority \
setpriority sched_setparam sched_getparam sched_setscheduler sched_getscheduler sched_get_priority_max \
sched_get_priority_min sched_rr_get_interval mlock munlock mlockall munlockall vhangup modify_ldt \
pivot_root _sysctl prctl arch_prctl adjtimex setrlimit chroot sync acct settimeofday mount umount2 \
swapon swapoff reboot sethostname setdomainname iopl ioperm create_module init_module delete_module \
get_kernel_syms query_module quotactl nfsservctl getpmsg putpmsg afs_syscall tuxcall security gettid \
readahead setxattr lsetxattr fsetxattr getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr \
removexattr lremovexattr fremovexattr tkill time futex sched_setaffinity sched_getaffinity \
set_thread_area io_setup io_destroy io_getevents io_submit io_cancel get_thread_area lookup_dcookie \
epoll_create epoll_ctl_old epoll_wait_old remap_file_pages getdents64 set_tid_address restart_syscall \
semtimedop fadvise64 timer_create timer_settime timer_gettime timer_getoverrun timer_delete \
clock_settime clock_gettime clock_getres clock_nanosleep exit_group epoll_wait epoll_ctl tgkill utimes \
vserver mbind set_mempolicy get_mempolicy mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify \
mq_getsetattr kexec_load waitid add_key request_key keyctl ioprio_set ioprio_get inotify_init \
inotify_add_watch inotify_rm_watch migrate_pages openat mkdirat mknodat fchownat futimesat newfstatat \
unlinkat renameat linkat symlinkat readlinkat fchmodat faccessat pselect6 ppoll unshare set_robust_list \
get_robust_list splice tee sync_file_range vmsplice move_pages utimensat epoll_pwait signalfd \
timerfd_create eventfd fallocate timerfd_settime timerfd_gettime accept4 signalfd4 eventfd2 \
epoll_create1 dup3 pipe2 inotify_init1 preadv pwritev rt_tgsigqueueinfo perf_event_open recvmmsg \
fanotify_init fanotify_mark prlimit64 name_to_handle_at open_by_handle_at clock_adjtime syncfs sendmmsg \
setns getcpu process_vm_readv process_vm_writev kcmp finit_module sched_setattr sched_getattr renameat2 \
seccomp getrandom memfd_create kexec_file_load bpf execveat userfaultfd membarrier mlock2 \
copy_file_range preadv2 pwritev2 pkey_mprotect pkey_alloc pkey_free statx io_pgetevents rseq uretprobe";

/// The names from this number on.
const SECOND_FROM: u32 = 424;
const SECOND: &str = "\
pidfd_send_signal io_uring_setup io_uring_enter io_uring_register open_tree move_mount fsopen fsconfig \
fsmount fspick pidfd_open clone3 close_range openat2 pidfd_getfd faccessat2 process_madvise \
epoll_pwait2 mount_setattr quotactl_fd landlock_create_ruleset landlock_add_rule landlock_restrict_self \
memfd_secret process_mrelease futex_waitv set_mempolicy_home_node cachestat fchmodat2 map_shadow_stack \
futex_wake futex_wait futex_requeue statmount listmount lsm_get_self_attr lsm_set_self_attr \
lsm_list_modules mseal";

/// The groups: name, and names of system calls and of other groups.
const GROUPS: [(&str, &str); 29] = [
    (
        "@aio",
        "\
         io_cancel io_destroy io_getevents io_pgetevents io_setup io_submit io_uring_enter \
         io_uring_register io_uring_setup",
    ),
    (
        "@basic-io",
        "\
         close close_range dup dup2 dup3 lseek pread64 preadv preadv2 pwrite64 pwritev pwritev2 read \
         readv write writev",
    ),
    (
        "@chown",
        "\
         chown fchown fchownat lchown",
    ),
    (
        "@clock",
        "\
         adjtimex clock_adjtime clock_settime settimeofday",
    ),
    (
        "@cpu-emulation",
        "\
         modify_ldt",
    ),
    (
        "@debug",
        "\
         lookup_dcookie perf_event_open pidfd_getfd ptrace",
    ),
    (
        "@default",
        "\
         @sandbox arch_prctl brk clock_getres clock_gettime clock_nanosleep execve exit \
         exit_group futex futex_waitv get_robust_list get_thread_area getegid geteuid getgid \
         getgroups getpgid getpgrp getpid getppid getrandom getresgid getresuid getrlimit getsid \
         gettid gettimeofday getuid lsm_get_self_attr lsm_list_modules membarrier mmap mprotect \
         mseal munmap nanosleep pause prlimit64 restart_syscall rseq rt_sigreturn \
         sched_getaffinity sched_yield set_robust_list set_thread_area set_tid_address time \
         uretprobe",
    ),
    (
        "@file-system",
        "\
         access chdir chmod close creat faccessat faccessat2 fallocate fchdir fchmod fchmodat \
         fchmodat2 fcntl fgetxattr flistxattr fremovexattr fsetxattr fstat fstatfs ftruncate futimesat \
         getcwd getdents getdents64 getxattr inotify_add_watch inotify_init inotify_init1 \
         inotify_rm_watch lgetxattr link linkat listmount listxattr llistxattr lremovexattr lsetxattr \
         lstat mkdir mkdirat mknod mknodat newfstatat open openat openat2 readlink readlinkat \
         removexattr rename renameat renameat2 rmdir setxattr stat statfs statmount statx symlink \
         symlinkat truncate unlink unlinkat utime utimensat utimes",
    ),
    (
        "@io-event",
        "\
         epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait \
         epoll_wait_old eventfd eventfd2 poll ppoll pselect6 select",
    ),
    (
        "@ipc",
        "\
         memfd_create mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink msgctl \
         msgget msgrcv msgsnd pipe pipe2 process_madvise process_vm_readv process_vm_writev semctl \
         semget semop semtimedop shmat shmctl shmdt shmget",
    ),
    (
        "@keyring",
        "\
         add_key keyctl request_key",
    ),
    (
        "@memlock",
        "\
         mlock mlock2 mlockall munlock munlockall",
    ),
    (
        "@module",
        "\
         delete_module finit_module init_module",
    ),
    (
        "@mount",
        "\
         chroot fsconfig fsmount fsopen fspick mount mount_setattr move_mount open_tree pivot_root \
         umount2",
    ),
    (
        "@network-io",
        "\
         accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg \
         recvmsg sendmmsg sendmsg sendto setsockopt shutdown socket socketpair",
    ),
    (
        "@obsolete",
        "\
         _sysctl afs_syscall create_module get_kernel_syms getpmsg putpmsg query_module security sysfs \
         tuxcall uselib ustat vserver",
    ),
    (
        "@pkey",
        "\
         pkey_alloc pkey_free pkey_mprotect",
    ),
    (
        "@privileged",
        "\
         @chown @clock @module @raw-io @reboot @swap _sysctl acct bpf capset chroot fanotify_init \
         fanotify_mark nfsservctl open_by_handle_at pivot_root quotactl quotactl_fd setdomainname \
         setfsuid setgroups sethostname setresuid setreuid setuid vhangup",
    ),
    (
        "@process",
        "\
         capget clone clone3 execveat fork getrusage kill pidfd_open pidfd_send_signal prctl \
         rt_sigqueueinfo rt_tgsigqueueinfo setns tgkill times tkill unshare vfork wait4 waitid",
    ),
    (
        "@raw-io",
        "\
         ioperm iopl",
    ),
    (
        "@reboot",
        "\
         kexec_file_load kexec_load reboot",
    ),
    (
        "@resources",
        "\
         ioprio_set mbind migrate_pages move_pages sched_setaffinity sched_setattr sched_setparam \
         sched_setscheduler set_mempolicy set_mempolicy_home_node setpriority setrlimit",
    ),
    (
        "@sandbox",
        "\
         landlock_add_rule landlock_create_ruleset landlock_restrict_self seccomp",
    ),
    (
        "@setuid",
        "\
         setgid setgroups setregid setresgid setresuid setreuid setuid",
    ),
    (
        "@signal",
        "\
         rt_sigaction rt_sigpending rt_sigprocmask rt_sigsuspend rt_sigtimedwait sigaltstack signalfd \
         signalfd4",
    ),
    (
        "@swap",
        "\
         swapoff swapon",
    ),
    (
        "@sync",
        "\
         fdatasync fsync msync sync sync_file_range syncfs",
    ),
    (
        "@system-service",
        "\
         @aio @basic-io @chown @default @file-system @io-event @ipc @keyring @memlock @network-io \
         @process @resources @sandbox @setuid @signal @sync @timer capget capset copy_file_range \
         fadvise64 flock get_mempolicy getcpu getpriority ioctl ioprio_get kcmp madvise mremap \
         name_to_handle_at personality readahead remap_file_pages sched_get_priority_max \
         sched_get_priority_min sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval \
         sched_yield sendfile setfsgid setfsuid setpgid setsid splice sysinfo tee umask uname \
         userfaultfd vmsplice",
    ),
    (
        "@timer",
        "\
         alarm getitimer setitimer timer_create timer_delete timer_getoverrun timer_gettime \
         timer_settime timerfd_create timerfd_gettime timerfd_settime times",
    ),
];

/// All names that are used, in order of the alphabet, with their numbers. To look for hundreds of names in lists would
/// take a boot longer than to put them in order once.
static BY_NAME: LazyLock<Vec<(&str, u32)>> = LazyLock::new(|| {
    let numbered = (0..).zip(FIRST.split(' ')).chain((SECOND_FROM..).zip(SECOND.split(' ')));
    let mut names: Vec<_> =
        numbered.filter(|(_, name)| *name != "-").map(|(number, name)| (name, number)).collect();
    names.sort_unstable();
    names
});

/// The number of a system call.
pub fn number(name: &str) -> Option<u32> {
    let at = BY_NAME.binary_search_by_key(&name, |(name, _)| name).ok()?;
    Some(BY_NAME[at].1)
}

/// The name of a system call.
pub fn name(number: u32) -> Option<&'static str> {
    let (list, at) = match number.checked_sub(SECOND_FROM) {
        Some(at) => (SECOND, at),
        None => (FIRST, number),
    };
    list.split(' ').nth(at as usize).filter(|name| *name != "-")
}

/// The numbers of the system calls in a group, its own groups included; none where there is no
/// such group.
pub fn group(name: &str) -> Option<Vec<u32>> {
    let (_, members) = GROUPS.iter().find(|(known, _)| *known == name)?;
    let mut numbers = Vec::new();
    for member in members.split(' ') {
        match member.starts_with('@') {
            true => numbers.extend(group(member).into_iter().flatten()),
            false => numbers.extend(number(member)),
        }
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_kernel() {
        for (name, expected) in [
            ("read", Some(0)),
            ("execve", Some(59)),
            ("openat", Some(257)),
            ("rseq", Some(334)),
            ("clone3", Some(435)),
            ("landlock_restrict_self", Some(446)),
            ("socketcall", None),
            ("-", None),
        ] {
            assert_eq!(number(name), expected, "{name}");
            assert!(expected.is_none_or(|number| super::name(number) == Some(name)), "{name}");
        }
    }

    #[test]
    fn every_member_of_a_group_is_known() {
        for (name, members) in GROUPS {
            for member in members.split(' ') {
                assert!(number(member).is_some() || group(member).is_some(), "{member} of {name}");
            }
        }
        let service = group("@system-service").unwrap();
        for (name, inside) in [("openat", true), ("sendto", true), ("mount", false), ("reboot", false)] {
            assert_eq!(service.contains(&number(name).unwrap()), inside, "{name}");
        }
    }
}
