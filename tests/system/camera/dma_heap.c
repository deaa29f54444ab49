/* LD_PRELOAD for tests/system/camera/inside.py: a DMA heap for kernels that have none (CONFIG_DMABUF_HEAPS off).
 *
 * libcamera and picamera2 take their picture buffers from /dev/dma_heap. Opening /dev/dma_heap/system gives a memfd named
 * kiosk-heap here; the heap's allocation ioctl on it gives a memfd of the wanted length, which can be mapped like the real
 * thing; the dma-buf ioctls (sync, name), which memfds do not know, succeed and do nothing: there is no cache to flush. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/types.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

struct allocation { __u64 length; __u32 fd; __u32 fd_flags; __u64 heap_flags; };
#define ALLOCATE _IOWR('H', 0x0, struct allocation)
#define DMA_BUF_TYPE 'b'

static const char heap_path[] = "/dev/dma_heap/system";

static int is_heap(int fd)
{
    char link[64], target[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, target, sizeof target - 1);
    if (length < 0) return 0;
    target[length] = 0;
    return strstr(target, "memfd:kiosk-heap") != NULL;
}

static int open_for_real(int folder, const char *path, int flags, mode_t mode)
{
    static int (*next)(int, const char *, int, ...);
    if (!next) next = dlsym(RTLD_NEXT, "openat64");
    if (path && !strcmp(path, heap_path)) return memfd_create("kiosk-heap", MFD_CLOEXEC);
    return next(folder, path, flags, mode);
}

#define MODE(flags) va_list rest; va_start(rest, flags); mode_t mode = va_arg(rest, mode_t); va_end(rest)
int open(const char *path, int flags, ...) { MODE(flags); return open_for_real(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags); return open_for_real(AT_FDCWD, path, flags, mode); }
int openat(int folder, const char *path, int flags, ...) { MODE(flags); return open_for_real(folder, path, flags, mode); }
int __open_2(const char *path, int flags) { return open_for_real(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return open_for_real(AT_FDCWD, path, flags, 0); }

int ioctl(int fd, unsigned long request, ...)
{
    static int (*next)(int, unsigned long, ...);
    va_list rest; va_start(rest, request); void *argument = va_arg(rest, void *); va_end(rest);
    if (!next) next = dlsym(RTLD_NEXT, "ioctl");
    if ((__u32)request == (__u32)ALLOCATE && is_heap(fd)) {
        struct allocation *wanted = argument;
        int buffer = memfd_create("kiosk-buffer", MFD_CLOEXEC);
        if (buffer < 0) return -1;
        if (ftruncate(buffer, (off_t)wanted->length) < 0) { int why = errno; close(buffer); errno = why; return -1; }
        wanted->fd = (__u32)buffer;
        return 0;
    }
    int result = next(fd, request, argument);
    if (result < 0 && _IOC_TYPE(request) == DMA_BUF_TYPE && (errno == ENOTTY || errno == EINVAL)) return 0;
    return result;
}
