/* Preloaded into a server, it makes fdatasync fail as a dying disk does, once the file named by DEAD_DISK exists. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

int fdatasync(int descriptor) {
  const char *sign = getenv("DEAD_DISK");
  if (sign != NULL && access(sign, F_OK) == 0) {
    errno = EIO;
    return -1;
  }
  int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  return next(descriptor);
}
