/* Makes every fsync and fdatasync of a process slower by SLOW_SYNC_MICROSECONDS, for measuring on a machine whose disk
   syncs faster than those the product will run on. Loaded with LD_PRELOAD; see slow-sync.sh. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

typedef int (*sync_call)(int);

static void wait_before_sync(void)
{
    const char *text = getenv("SLOW_SYNC_MICROSECONDS");
    long microseconds = text ? strtol(text, NULL, 10) : 0;
    struct timespec wait = { microseconds / 1000000, microseconds % 1000000 * 1000 };
    if (microseconds > 0) nanosleep(&wait, NULL);
}

int fsync(int file)
{
    wait_before_sync();
    return ((sync_call)dlsym(RTLD_NEXT, "fsync"))(file);
}

int fdatasync(int file)
{
    wait_before_sync();
    return ((sync_call)dlsym(RTLD_NEXT, "fdatasync"))(file);
}
