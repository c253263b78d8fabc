// SPDX-License-Identifier: MIT
#include "server/service/privileges.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "server/service/service.h"

struct identity {
    uid_t user;
    gid_t group;
    bool has_account; // and with it perhaps further groups
};

static bool find_number(const char *text, uint32_t *ret_number)
{
    char *end;
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    if (errno != 0 || text[0] < '0' || text[0] > '9' || *end != '\0' || number >= UINT32_MAX)
        return false;
    *ret_number = (uint32_t)number;
    return true;
}

bool privileges_find_user(const char *text, uid_t *ret_user)
{
    if (find_number(text, ret_user))
        return true;
    const struct passwd *account = getpwnam(text);
    if (account != NULL)
        *ret_user = account->pw_uid;
    return account != NULL;
}

bool privileges_find_group(const char *text, gid_t *ret_group)
{
    if (find_number(text, ret_group))
        return true;
    const struct group *group = getgrnam(text);
    if (group != NULL)
        *ret_group = group->gr_gid;
    return group != NULL;
}

static int __attribute__((format(printf, 2, 3))) fault(char *ret_error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(ret_error, SERVICE_ERROR_BYTES, format, arguments); // fits: names are short
    va_end(arguments);
    return -EINVAL;
}

// Returns 0, or -EINVAL and one line.
static int identity_find(const struct privileges_options *options, struct identity *ret_identity,
                         char *ret_error)
{
    const char *user = options->user;
    const char *group = options->group;
    if (!privileges_find_user(user, &ret_identity->user))
        return fault(ret_error, "there is no user '%.64s': create it (adduser --system), or name another one",
                     user);
    const struct passwd *account = getpwuid(ret_identity->user);
    ret_identity->has_account = account != NULL;
    if (account != NULL)
        ret_identity->group = account->pw_gid;
    if (group == NULL && account == NULL)
        return fault(ret_error, "user %.64s has no account that tells its group: name a group as well", user);
    if (group != NULL && !privileges_find_group(group, &ret_identity->group))
        return fault(ret_error,
                     "there is no group '%.64s': create it (addgroup --system), or name another one", group);
    return 0;
}

int privileges_check(const struct privileges_options *options, char *ret_error)
{
    struct identity identity;
    if (options->user != NULL)
        return identity_find(options, &identity, ret_error);
    if (options->group != NULL)
        return fault(ret_error, "there is a group, '%.64s', but no user to change to: name a user as well",
                     options->group);
    return 0;
}

// Rings count against the limit of locked memory on kernels before 5.12, unless they are root's. A root that
// may not lift it, as in a container, goes as far as it can.
static void lift_memory_limit(void)
{
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    if (setrlimit(RLIMIT_MEMLOCK, &limit) == 0 || getrlimit(RLIMIT_MEMLOCK, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_MEMLOCK, &limit); // where it is too small, the ring says so
}

static int change_identity(const struct identity *identity)
{
    capng_flags_t groups = identity->has_account ? CAPNG_INIT_SUPP_GRP : CAPNG_DROP_SUPP_GRP;
    lift_memory_limit();
    capng_clear(CAPNG_SELECT_BOTH);
    (void)capng_apply(CAPNG_SELECT_BOUNDS); // needs a capability of its own, and no program is started anyway
    errno = 0;
    if (capng_change_id((int)identity->user, (int)identity->group, groups | CAPNG_CLEAR_AMBIENT) < 0)
        return errno != 0 ? -errno : -EPERM;
    return 0;
}

static int clear_capabilities(void)
{
    errno = 0;
    capng_clear(CAPNG_SELECT_CAPS); // ambient ones go with the permitted ones
    return capng_apply(CAPNG_SELECT_CAPS) < 0 ? errno != 0 ? -errno : -EPERM : 0;
}

static int become(const struct privileges_options *options, char *ret_error)
{
    struct identity identity;
    int failed = identity_find(options, &identity, ret_error);
    if (failed || (identity.user == geteuid() && identity.group == getegid()))
        return failed;
    failed = change_identity(&identity);
    const char *group = options->group == NULL ? "" : options->group;
    if (failed)
        (void)snprintf(ret_error, SERVICE_ERROR_BYTES,
                       "cannot become user '%.64s'%s%.64s%s: %s; start hbmqtt as root, or as that user",
                       options->user, group[0] == '\0' ? "" : " with group '", group,
                       group[0] == '\0' ? "" : "'", strerror(-failed)); // fits
    return failed;
}

int privileges_drop(const struct privileges_options *options, char *ret_error)
{
    int failed = privileges_check(options, ret_error);
    if (!failed && options->user != NULL)
        failed = become(options, ret_error);
    if (failed)
        return failed;
    if (options->user != NULL || geteuid() != 0)
        failed = clear_capabilities();
    if (!failed && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        failed = -errno;
    if (failed)
        (void)snprintf(ret_error, SERVICE_ERROR_BYTES, "cannot give up capabilities: %s",
                       strerror(-failed)); // fits
    return failed;
}
