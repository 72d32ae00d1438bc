#include "stage/whole_file.h"
#include "base/memory.h"
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
static struct sigaction old_actions[COUNT_OF(signals)];
static char *volatile part; // what the signal handler removes

static void remove_and_die(int signal_number)
{
    if (part) unlink(part);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

// A signal that is ignored (nohup) or that the program handles itself stays as it is.
static void listen(bool begin)
{
    for (size_t i = 0; i < COUNT_OF(signals); i++) {
        if (begin) sigaction(signals[i], NULL, &old_actions[i]);
        if (old_actions[i].sa_handler != SIG_DFL) continue;
        sigaction(signals[i], begin ? &(struct sigaction){ .sa_handler = remove_and_die } : &old_actions[i], NULL);
    }
}

bool whole_file_begin(FileWriter *writer, const char *path, Error *err)
{
    CHECK(!part, "whole_file_begin: %s is still open", part);
    listen(true);
    bool ok = file_write_begin(writer, path, err);
    if (ok && writer->part) part = mem_string(writer->part); // a copy: the writer's goes before its file is closed
    if (!ok) listen(false);
    return ok;
}

bool whole_file_end(FileWriter *writer, bool good, Error *err)
{
    if (good)
        good = file_write_commit(writer, err);
    else
        file_write_abandon(writer);
    char *copy = part;
    part = NULL;
    free(copy);
    listen(false);
    return good;
}
