// The file system of the operating system, through `node:fs`.

import * as fs from "node:fs";
import * as fsPromises from "node:fs/promises";
import { isErrno } from "../file-io.ts";
import type { File, FileSystem, Lock } from "../platform.ts";
import { lockForProcess } from "./process-lock.ts";
import { RealFile } from "./real-file.ts";
import { processSyncSlots } from "./sync-slots.ts";

/** Documents are their owner's business: no one else may read the files or list the directories. */
const fileMode = 0o600;
const directoryMode = 0o700;

/** `wx+` is O_RDWR, O_CREAT and O_EXCL. */
const flags = { read: "r", write: "r+", create: "wx+" } as const;

export class RealFileSystem implements FileSystem {
  async open(path: string, mode: "read" | "write" | "create"): Promise<File> {
    const descriptor = await new Promise<number>((resolve, reject) =>
      fs.open(path, flags[mode], fileMode, (error, opened) => (error ? reject(error) : resolve(opened))),
    );
    return new RealFile(path, descriptor);
  }

  rename(from: string, to: string): Promise<void> {
    return fsPromises.rename(from, to);
  }

  unlink(path: string): Promise<void> {
    return fsPromises.unlink(path);
  }

  async mkdir(path: string): Promise<void> {
    await fsPromises.mkdir(path, { recursive: true, mode: directoryMode });
  }

  async readdir(path: string): Promise<string[]> {
    const names = await fsPromises.readdir(path);
    return names.sort();
  }

  async exists(path: string): Promise<boolean> {
    try {
      await fsPromises.stat(path);
      return true;
    } catch (error) {
      if (isErrno(error, "ENOENT") || isErrno(error, "ENOTDIR")) return false;
      throw error;
    }
  }

  async syncDirectory(path: string): Promise<void> {
    const directory = await fsPromises.open(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
    try {
      await processSyncSlots.run(() => directory.sync());
    } finally {
      await directory.close();
    }
  }

  async freeBytes(path: string): Promise<number> {
    const { bavail, bsize } = await fsPromises.statfs(path);
    return bavail * bsize;
  }

  async lock(path: string): Promise<Lock> {
    return lockForProcess(path);
  }
}
