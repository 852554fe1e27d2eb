"""A wall clock that can be set, for chosen processes only: a small library loaded before the C library's.

Time is asked of the kernel as ever; what `clock_gettime` and its relatives say of the wall clock is shifted by what
lies in a file. The monotonic clock goes on, as it does when an operator or NTP sets a machine's clock.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

_SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile long long *shift;

__attribute__((constructor)) static void begin(void) {
    const char *place = getenv("BENCH_CLOCK_SHIFT");
    int file = place ? open(place, O_RDONLY) : -1;
    void *memory = file < 0 ? MAP_FAILED : mmap(0, sizeof *shift, PROT_READ, MAP_SHARED, file, 0);
    if (memory != MAP_FAILED) shift = memory;
    if (file >= 0) close(file);
}

int clock_gettime(clockid_t id, struct timespec *at) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(id, at);
    if (result == 0 && shift && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) at->tv_sec += *shift;
    return result;
}

int gettimeofday(struct timeval *at, void *zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}
"""
_NUMBER = struct.Struct("<q")


class ClockShift:
    """Built with the machine's own C compiler. `environment`: for a process whose clock is to follow."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError, subprocess.CalledProcessError: there is no working compiler."""
        source, library, self._place = folder / "shift.c", folder / "shift.so", folder / "shift"
        source.write_text(_SOURCE)
        self.set(0)
        command = [shutil.which("cc") or "gcc", "-shared", "-fPIC", "-O2", "-o", str(library), str(source), "-ldl"]
        subprocess.run(command, check=True, capture_output=True)
        self.environment = {"LD_PRELOAD": str(library), "BENCH_CLOCK_SHIFT": str(self._place)}

    def set(self, seconds: int) -> None:
        """From now on the processes' wall clock is so far ahead of the true one."""
        with self._place.open("r+b" if self._place.exists() else "wb") as file:
            file.write(_NUMBER.pack(seconds))
