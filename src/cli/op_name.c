#include "cli/op_name.h"
#include "ops/op.h"
#include <string.h>

bool op_exists(const char *name)
{
    for (int i = 0; i < ops_count; i++)
        if (!strcmp(ops[i]->name, name)) return true;
    return false;
}

int no_such_op(const Invocation *in, const char *where, const char *name, const char *besides)
{
    char list[768] = "";
    size_t used = 0;
    for (int i = 0; i < ops_count && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", ops[i]->name);
    return usage_error(in, "%sthere is no op \"%.60s\"; there are: %s%s", where, name, list, besides);
}
