/* A disk that keeps only what was synced, or that runs full; loaded with LD_PRELOAD.
 *
 * DISK_WATCH  the directory whose files are watched, without symbolic links in it
 * DISK_IMAGE  a directory that receives, under its inode number, each file's bytes as of its last fsync or fdatasync
 * DISK_DEAF   if set, fdatasync succeeds and keeps nothing
 * DISK_ROOM   if set, bytes that may be written before every write fails with ENOSPC
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *watched, *image;
static int deaf, limited;
static atomic_long room;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off64_t);
static int (*real_unlink)(const char *);
static int (*real_rename)(const char *, const char *);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);

__attribute__((constructor)) static void start(void)
{
	watched = getenv("DISK_WATCH");
	image = getenv("DISK_IMAGE");
	deaf = getenv("DISK_DEAF") != NULL;
	const char *bytes = getenv("DISK_ROOM");
	limited = bytes != NULL;
	room = bytes ? atol(bytes) : 0;
	real_write = dlsym(RTLD_NEXT, "write");
	real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
	real_unlink = dlsym(RTLD_NEXT, "unlink");
	real_rename = dlsym(RTLD_NEXT, "rename");
	real_fsync = dlsym(RTLD_NEXT, "fsync");
	real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
}

/* Whether the descriptor is a regular file below the watched directory. */
static int is_watched(int fd, struct stat *status)
{
	char link[64], path[4096];
	if (!watched || fstat(fd, status) || !S_ISREG(status->st_mode))
		return 0;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t length = readlink(link, path, sizeof path - 1);
	if (length < 0)
		return 0;
	path[length] = 0;
	return strncmp(path, watched, strlen(watched)) == 0;
}

/* Remembers the file's bytes. The image is replaced by rename, so that a kill never leaves half of one. */
static void keep(int fd)
{
	struct stat status;
	char from[64], half[4096], whole[4096];
	static atomic_int copies;
	if (!image || !is_watched(fd, &status))
		return;
	snprintf(from, sizeof from, "/proc/self/fd/%d", fd);
	snprintf(half, sizeof half, "%s/half-%d", image, copies++);
	snprintf(whole, sizeof whole, "%s/%lu", image, (unsigned long)status.st_ino);
	int in = open(from, O_RDONLY), out = open(half, O_CREAT | O_TRUNC | O_WRONLY, 0600);
	if (in < 0 || out < 0)
		abort();
	static __thread char buffer[1 << 16];
	ssize_t read_bytes;
	while ((read_bytes = read(in, buffer, sizeof buffer)) > 0)
		if (real_write(out, buffer, read_bytes) != read_bytes)
			abort();
	close(in);
	close(out);
	if (real_rename(half, whole))
		abort();
}

/* A file that is gone gives its inode number to the next one, which was not synced yet. */
static void forget(const char *path)
{
	struct stat status;
	char kept[4096];
	if (!image || stat(path, &status))
		return;
	snprintf(kept, sizeof kept, "%s/%lu", image, (unsigned long)status.st_ino);
	real_unlink(kept);
}

static int is_full(int fd, size_t count)
{
	struct stat status;
	return limited && is_watched(fd, &status) && atomic_fetch_sub(&room, (long)count) < (long)count;
}

int fsync(int fd)
{
	keep(fd);
	return image ? 0 : real_fsync(fd);
}

int fdatasync(int fd)
{
	if (!deaf)
		keep(fd);
	return image ? 0 : real_fdatasync(fd);
}

ssize_t write(int fd, const void *bytes, size_t count)
{
	if (is_full(fd, count)) {
		errno = ENOSPC;
		return -1;
	}
	return real_write(fd, bytes, count);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset)
{
	if (is_full(fd, count)) {
		errno = ENOSPC;
		return -1;
	}
	return real_pwrite(fd, bytes, count, offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset)
{
	return pwrite64(fd, bytes, count, offset);
}

int unlink(const char *path)
{
	forget(path);
	return real_unlink(path);
}

int rename(const char *from, const char *to)
{
	forget(to);
	return real_rename(from, to);
}
