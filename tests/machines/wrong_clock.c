/* For tests/machines/ex7_chaos.bats: with this in LD_PRELOAD, the clock on the wall is wrong by the seconds in the file WRONG_CLOCK.
   libfaketime 0.9.10 with FAKETIME_DONT_FAKE_MONOTONIC=1 makes every time.sleep() of Python's an "invalid argument". */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
  int failed = syscall(SYS_clock_gettime, clock, now), file;
  char text[16] = "";
  if (failed || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return failed;
  if ((file = open(getenv("WRONG_CLOCK"), O_RDONLY | O_CLOEXEC)) >= 0) {
    if (read(file, text, sizeof text - 1) > 0) now->tv_sec += atol(text);
    close(file);
  }
  return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  struct timespec exact;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &exact);
  now->tv_sec = exact.tv_sec, now->tv_usec = exact.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *now) {
  struct timespec exact;
  clock_gettime(CLOCK_REALTIME, &exact);
  return now ? (*now = exact.tv_sec) : exact.tv_sec;
}
