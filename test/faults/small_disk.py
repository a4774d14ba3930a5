"""A small disk for one folder: a tmpfs that only this process and its children see.

It is gone with the process. Needs root; without it a user namespace of its own, where the kernel allows one.
"""

import ctypes
import errno
import os
import pathlib
import unittest

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_RDONLY, MS_REMOUNT, MS_REC, MS_PRIVATE = 1, 32, 0x4000, 1 << 18
MNT_DETACH = 2
BLOCK = 4096


def check(result, what):
    if result != 0:
        number = ctypes.get_errno()
        if number in (errno.EPERM, errno.EACCES, errno.ENOSYS):
            raise unittest.SkipTest(f"{what}: {os.strerror(number)} (needs root or user namespaces)")
        raise AssertionError(f"{what}: {os.strerror(number)} (needs root or user namespaces)")


def unshare():
    """Mounts of this process are its own from here on."""
    if os.geteuid() == 0:
        check(LIBC.unshare(CLONE_NEWNS), "unshare")
    else:
        uid, gid = os.getuid(), os.getgid()
        check(LIBC.unshare(CLONE_NEWNS | CLONE_NEWUSER), "unshare")
        pathlib.Path("/proc/self/setgroups").write_text("deny")
        pathlib.Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        pathlib.Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    check(LIBC.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "private mounts")


class SmallDisk:
    """With it, folder is a disk of so many bytes, and of so many files if inodes is given."""

    def __init__(self, folder, size, inodes=None):
        self.path = pathlib.Path(folder)
        self.path.mkdir(exist_ok=True)
        self.filler = self.path / "filler"
        self.options = f"size={size},mode=0700" + (f",nr_inodes={inodes}" if inodes else "")
        unshare()
        self.mount(0)

    def mount(self, flags):
        check(LIBC.mount(b"tmpfs", bytes(self.path), b"tmpfs", flags, self.options.encode()), "mount")

    def read_only(self, on):
        """Possible only while no file is open for writing."""
        self.mount(MS_REMOUNT | (MS_RDONLY if on else 0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        LIBC.umount2(bytes(self.path), MNT_DETACH)

    def free(self):
        disk = os.statvfs(self.path)
        return disk.f_bavail * disk.f_frsize

    def fill(self, leave=0):
        """Somebody else's file takes all but so many bytes."""
        with open(self.filler, "ab") as file:
            while self.free() - leave >= BLOCK:
                try:
                    os.write(file.fileno(), bytes(min(1 << 20, self.free() - leave)))
                except OSError:  # the other one was faster
                    return

    def fill_files(self):
        for n in range(100000):
            try:
                (self.path / f"filler-{n}").touch()
            except OSError:
                return

    def clear(self):
        for path in self.path.glob("filler*"):
            path.unlink()
