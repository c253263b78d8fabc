// SPDX-License-Identifier: MIT
#include "server/passwd/target.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

static enum passwd_exit fail(const char *path, const char *what)
{
    return passwd_say(PASSWD_FILE, "%s: %s: %s", path, what, strerror(errno));
}

// Opens without following a link: the new file would take the place of the link, and not of what it leads to.
static enum passwd_exit file_open(const char *path, int *ret_fd)
{
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat state;
    if (fd < 0 && errno == ELOOP)
        return passwd_say(PASSWD_FILE, "%s: is a symbolic link; name the file that it leads to", path);
    if (fd < 0 && errno == ENOENT)
        return passwd_say(PASSWD_FILE, "%s: there is no such file; --create makes one", path);
    if (fd < 0)
        return fail(path, "cannot be opened for writing");
    bool regular = fstat(fd, &state) == 0 && S_ISREG(state.st_mode);
    if (!regular) {
        (void)close(fd); // nothing was written
        return passwd_say(PASSWD_FILE, "%s: is no regular file", path);
    }
    *ret_fd = fd;
    return PASSWD_DONE;
}

enum passwd_exit target_try(const char *path, bool create)
{
    struct stat state;
    if (create && lstat(path, &state) == 0)
        return passwd_say(PASSWD_FILE,
                          "%s: is there already; --force empties it, and without --create it is changed",
                          path);
    if (create)
        return errno == ENOENT ? PASSWD_DONE : fail(path, "cannot be created");
    int fd;
    enum passwd_exit status = file_open(path, &fd);
    if (status == PASSWD_DONE)
        (void)close(fd); // nothing was written
    return status;
}

// Whether the file that is locked is still the one of that name: another program may have replaced it
// meanwhile.
static bool is_current(const char *path, const struct stat *state)
{
    struct stat named;
    return lstat(path, &named) == 0 && named.st_dev == state->st_dev && named.st_ino == state->st_ino;
}

static enum passwd_exit file_lock(const char *path, struct target *target)
{
    while (true) {
        enum passwd_exit status = file_open(path, &target->fd);
        if (status != PASSWD_DONE)
            return status;
        if (flock(target->fd, LOCK_EX) == 0 && fstat(target->fd, &target->state) == 0) {
            if (is_current(path, &target->state))
                return PASSWD_DONE;
        } else if (errno != EINTR) {
            status = fail(path, "cannot be locked");
        }
        (void)close(target->fd); // nothing was written
        if (status != PASSWD_DONE)
            return status;
    }
}

static enum passwd_exit file_read(struct target *target)
{
    if (target->state.st_size > (off_t)PASSWORD_FILE_BYTES_MAX)
        return passwd_say(PASSWD_FILE, "%s: has more than %u bytes", target->path, PASSWORD_FILE_BYTES_MAX);
    size_t size = (size_t)target->state.st_size;
    target->text = memory_require(size + 1);
    ssize_t length = file_read_all(target->fd, target->text, size);
    if (length < 0) {
        errno = (int)-length;
        return fail(target->path, "cannot be read");
    }
    target->length = (size_t)length;
    return PASSWD_DONE;
}

enum passwd_exit target_open(const char *path, struct target *ret_target)
{
    struct target target = {.path = path};
    enum passwd_exit status = file_lock(path, &target);
    if (status != PASSWD_DONE)
        return status;
    status = file_read(&target);
    if (status == PASSWD_DONE)
        *ret_target = target;
    else
        target_close(&target);
    return status;
}

void target_close(struct target *target)
{
    if (target->text != NULL)
        OPENSSL_cleanse(target->text, target->length);
    free(target->text);
    (void)close(target->fd); // nothing was written to it
}

// Writes all of it and brings it to disk. Returns 0 or -1 with errno set.
static int text_write(int fd, struct bytes text)
{
    for (size_t done = 0; done < text.length;) {
        ssize_t wrote = write(fd, text.data + done, text.length - done);
        if (wrote < 0 && errno != EINTR)
            return -1;
        done += wrote > 0 ? (size_t)wrote : 0;
    }
    return fsync(fd);
}

// The name in its directory is on disk too; a file system that cannot do that has done what it can.
static void directory_sync(const char *path)
{
    char copy[PATH_MAX];
    (void)snprintf(copy, sizeof copy, "%s", path); // a longer one could not be opened
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd);
    (void)close(fd);
}

// Gives the new file what the old one had. The mode comes last, because a change of owner may clear bits of
// it.
static int state_keep(int fd, const struct stat *state)
{
    struct stat made;
    if (fstat(fd, &made) < 0)
        return -1;
    bool same = made.st_uid == state->st_uid && made.st_gid == state->st_gid;
    if (!same && fchown(fd, state->st_uid, state->st_gid) < 0)
        return -1;
    return fchmod(fd, state->st_mode & 07777);
}

// The new file beside the old one, which it replaces. Says what fails.
static enum passwd_exit replacement_write(const struct target *target, const char *name, int fd,
                                          struct bytes text)
{
    int kept = state_keep(fd, &target->state);
    if (kept < 0)
        return fail(target->path, "its owner and mode cannot be kept; nothing was changed");
    if (text_write(fd, text) < 0)
        return fail(target->path, "cannot be written; nothing was changed");
    if (rename(name, target->path) < 0)
        return fail(target->path, "cannot be replaced; nothing was changed");
    directory_sync(target->path);
    return PASSWD_DONE;
}

static enum passwd_exit replacement_make(const struct target *target, struct bytes text)
{
    char name[PATH_MAX];
    if ((size_t)snprintf(name, sizeof name, "%s.XXXXXX", target->path) >= sizeof name) {
        errno = ENAMETOOLONG;
        return fail(target->path, "has no room for a file beside it; nothing was changed");
    }
    int fd = mkostemp(name, O_CLOEXEC);
    if (fd < 0)
        return fail(target->path, "no file can be made beside it; nothing was changed");
    enum passwd_exit status = replacement_write(target, name, fd, text);
    if (status != PASSWD_DONE)
        (void)unlink(name); // it is ours, and there is nothing more to be done
    (void)close(fd);        // after fsync there is nothing to lose
    return status;
}

// An interruption would leave half a file behind.
static sigset_t signals_hold(void)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all); // cannot fail, as the next one
    (void)sigprocmask(SIG_BLOCK, &all, &before);
    return before;
}

static void signals_release(const sigset_t *before)
{
    (void)sigprocmask(SIG_SETMASK, before, NULL); // cannot fail
}

enum passwd_exit target_replace(const struct target *target, struct bytes text)
{
    sigset_t before = signals_hold();
    enum passwd_exit status = replacement_make(target, text);
    signals_release(&before);
    return status;
}

static enum passwd_exit new_file_make(const char *path, struct bytes text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(path, "cannot be created");
    enum passwd_exit status = PASSWD_DONE;
    if (fchmod(fd, 0600) < 0 || text_write(fd, text) < 0) { // whatever the umask is
        status = fail(path, "cannot be written");
        (void)unlink(path); // it is ours, and there is nothing more to be done
    }
    (void)close(fd); // after fsync there is nothing to lose
    directory_sync(path);
    return status;
}

enum passwd_exit target_create(const char *path, struct bytes text)
{
    sigset_t before = signals_hold();
    enum passwd_exit status = new_file_make(path, text);
    signals_release(&before);
    return status;
}
