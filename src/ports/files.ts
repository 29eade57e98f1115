/** A file that is only ever appended to. */
export interface AppendFile {
  /** Bytes in the file, appended but unsynced ones included. */
  readonly size: number;
  /** Appends in order. Data is durable only after `sync` resolves. */
  append(bytes: Uint8Array): Promise<void>;
  /** fsync. A rejection means the file's durability is unknown: the process must stop, never retry. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** The few file operations that durability rests on, so that the simulator can fail each of them. */
export interface Files {
  /** The whole file, or undefined when it does not exist. */
  read(path: string): Promise<Uint8Array | undefined>;
  /** Opens for appending, creating the file (and syncing its directory) when absent. Mode 0600. */
  openAppend(path: string): Promise<AppendFile>;
  /** Replaces a file: writes a sibling, fsyncs it, renames over `path`, fsyncs the directory. Mode 0600. */
  replace(path: string, bytes: Uint8Array): Promise<void>;
  /** Removes a file if it exists and fsyncs the directory. */
  remove(path: string): Promise<void>;
  /** Names in a directory, sorted; empty when the directory does not exist. */
  list(directory: string): Promise<string[]>;
  /** Creates a directory and its parents, mode 0700. */
  makeDirectory(path: string): Promise<void>;
}

/** Directories as wholes: what is filled under another name and then renamed, so that it is whole or absent. */
export interface Directories {
  /** False for an empty one: somebody emptied it, and a renamed one takes its place. */
  exists(path: string): Promise<boolean>;
  /** Removes a directory, if it exists, with all that is in it. */
  remove(path: string): Promise<void>;
  /** Renames, and nothing more: `syncName` makes it durable. */
  rename(from: string, to: string): Promise<void>;
  /** fsyncs the parent directory: the names in it are durable. */
  syncName(path: string): Promise<void>;
}

/** One file that is written and read as a whole, piece by piece: larger than what one should have in memory. */
export interface StreamedFile {
  /** Its pieces in order; none when it does not exist. */
  read(): AsyncIterable<Uint8Array>;
  /** Replaces it: durably the new one, or as it was. Whatever `pieces` throws is thrown on. */
  replace(pieces: AsyncIterable<Uint8Array>): Promise<void>;
}
