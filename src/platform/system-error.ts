// Errors that look like the operating system's: an Error with a POSIX `code`, and the call and path it came from.

/** The codes that a platform reports by itself or in a simulation, with the words that the C library has for them. */
const descriptions = {
  EAGAIN: "resource temporarily unavailable",
  EBADF: "bad file descriptor",
  EEXIST: "file already exists",
  EINVAL: "invalid argument",
  EIO: "i/o error",
  EISDIR: "illegal operation on a directory",
  ELOCKED: "locked by another process",
  ENOENT: "no such file or directory",
  ENOSPC: "no space left on device",
  ENOTDIR: "not a directory",
} as const;

export type SystemErrorCode = keyof typeof descriptions;

/** An error as Node throws it for a failed system call: `code`, `syscall`, `path`, and a message that has all three. */
export function systemError(
  code: SystemErrorCode,
  syscall: string,
  path: string,
  cause?: unknown,
): NodeJS.ErrnoException {
  const message = `${code}: ${descriptions[code]}, ${syscall} '${path}'`;
  const error: NodeJS.ErrnoException = new Error(message, cause === undefined ? undefined : { cause });
  error.code = code;
  error.syscall = syscall;
  error.path = path;
  return error;
}
