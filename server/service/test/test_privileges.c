// SPDX-License-Identifier: MIT
// Most of it takes root, and is skipped without.
#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "server/service/service.h"
#include "server/service/test/child.h"

#define NOBODY 65534

static char error[SERVICE_ERROR_BYTES];

static int drop(const char *user, const char *group)
{
    struct privileges_options options = {user, group};
    error[0] = '\0';
    return privileges_drop(&options, error);
}

// The value of a line such as "CapEff:" in /proc/self/status, as a number of base 16.
static unsigned long long status_of(const char *name)
{
    char line[CHILD_LINE_BYTES];
    unsigned long long value = 1;
    FILE *file = fopen("/proc/self/status", "re");
    CHILD_EXPECT(file != NULL);
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, name, strlen(name)) == 0)
            value = strtoull(line + strlen(name), NULL, 16);
    CHILD_EXPECT(file != NULL && fclose(file) == 0);
    return value;
}

static void expect_no_capabilities(void)
{
    static const char *const sets[] = {"CapInh:", "CapPrm:", "CapEff:", "CapAmb:"};
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++)
        CHILD_EXPECT(status_of(sets[i]) == 0);
    CHILD_EXPECT(status_of("NoNewPrivs:") == 1);
}

static void expect_user(uid_t user, gid_t group)
{
    uid_t users[3];
    gid_t groups[3];
    CHILD_EXPECT(getresuid(&users[0], &users[1], &users[2]) == 0);
    CHILD_EXPECT(getresgid(&groups[0], &groups[1], &groups[2]) == 0);
    for (size_t i = 0; i < 3; i++)
        CHILD_EXPECT(users[i] == user && groups[i] == group);
    CHILD_EXPECT(setuid(0) < 0 && setgid(0) < 0);
}

static void become_nobody(void)
{
    gid_t before[] = {0, 4, 5};
    struct rlimit limit;
    CHILD_EXPECT(setgroups(3, before) == 0);
    CHILD_EXPECT(getrlimit(RLIMIT_MEMLOCK, &limit) == 0);
    limit.rlim_cur /= 2;
    CHILD_EXPECT(setrlimit(RLIMIT_MEMLOCK, &limit) == 0);
    CHILD_EXPECT(drop("nobody", NULL) == 0);
    expect_user(NOBODY, NOBODY);
    expect_no_capabilities();
    CHILD_EXPECT(status_of("CapBnd:") == 0);
    gid_t groups[16];
    CHILD_EXPECT(getgroups(16, groups) == 1 && groups[0] == NOBODY);
    CHILD_EXPECT(access("/root", R_OK) < 0);
    CHILD_EXPECT(getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == limit.rlim_max);
}

static void become_numbers(void)
{
    CHILD_EXPECT(drop("4242", "4343") == 0);
    expect_user(4242, 4343);
    expect_no_capabilities();
    CHILD_EXPECT(getgroups(0, NULL) == 0);
}

static void become_nobody_of_group(void)
{
    CHILD_EXPECT(drop("nobody", "daemon") == 0);
    expect_user(NOBODY, 1);
    CHILD_EXPECT(drop("nobody", "daemon") == 0); // it is so already
    CHILD_EXPECT(drop("root", NULL) == -EPERM);
    CHILD_EXPECT(strstr(error, "cannot become user 'root'") != NULL);
    CHILD_EXPECT(drop("nobody", "nogroup") == -EPERM);
    CHILD_EXPECT(strstr(error, "group 'nogroup'") != NULL);
    CHILD_EXPECT(drop(NULL, NULL) == 0);
    expect_user(NOBODY, 1);
}

static void stay_root(void)
{
    CHILD_EXPECT(drop(NULL, NULL) == 0);
    CHILD_EXPECT(getuid() == 0 && status_of("CapEff:") != 0 && status_of("NoNewPrivs:") == 1);
}

static void be_root_by_name(void)
{
    CHILD_EXPECT(drop("root", NULL) == 0);
    CHILD_EXPECT(getuid() == 0);
    expect_no_capabilities();
}

static void keep_a_capability(void)
{
    CHILD_EXPECT(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0);
    CHILD_EXPECT(setresuid(NOBODY, NOBODY, NOBODY) == 0);
    CHILD_EXPECT(status_of("CapPrm:") != 0);
    CHILD_EXPECT(drop(NULL, NULL) == 0);
    expect_no_capabilities();
}

static void test_root_becomes_somebody(void)
{
    if (geteuid() != 0) {
        printf(" (skipped: not root) ");
        return;
    }
    child_run(become_nobody);
    child_run(become_numbers);
    child_run(become_nobody_of_group);
}

static void test_root_stays_by_choice(void)
{
    if (geteuid() != 0) {
        printf(" (skipped: not root) ");
        return;
    }
    child_run(stay_root);
    child_run(be_root_by_name);
}

static void test_capabilities_of_others_go(void)
{
    if (geteuid() == 0)
        child_run(keep_a_capability);
    else
        printf(" (skipped: not root) ");
}

static void fail(void)
{
    CHILD_EXPECT(drop("no-such-user", NULL) == -EINVAL);
    CHILD_EXPECT(strstr(error, "no user 'no-such-user'") != NULL);
    CHILD_EXPECT(drop("nobody", "no-such-group") == -EINVAL);
    CHILD_EXPECT(strstr(error, "no group 'no-such-group'") != NULL);
    CHILD_EXPECT(drop(NULL, "nogroup") == -EINVAL);
    CHILD_EXPECT(strstr(error, "name a user") != NULL);
    CHILD_EXPECT(drop("4242", NULL) == -EINVAL);
    CHILD_EXPECT(strstr(error, "name a group") != NULL);
    CHILD_EXPECT(drop("-1", NULL) == -EINVAL && drop("4294967295", "0") == -EINVAL);
    CHILD_EXPECT(status_of("NoNewPrivs:") == 0);
}

static void test_faults_are_one_line(void)
{
    child_run(fail);
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"root becomes somebody", test_root_becomes_somebody},
        {"root stays by choice", test_root_stays_by_choice},
        {"capabilities of others go", test_capabilities_of_others_go},
        {"faults are one line", test_faults_are_one_line},
    };
    return RUN_TESTS("privileges", cases);
}
