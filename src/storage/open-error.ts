// Why a database cannot be opened at the start, said with the option and what to do about it.

/** The storage that the options name cannot be had; `message` is the text for people. */
export class StorageOpenError extends Error {
  override readonly name = 'StorageOpenError';

  constructor(path: string, { wrong, fix }: Obstacle, cause?: unknown) {
    super(`storage.path  ${path} ${wrong}\n   fix: ${fix}`, { cause });
  }
}

/** What follows the path, and what to do. */
interface Obstacle {
  readonly wrong: string;
  readonly fix: string;
}

const OBSTACLES: Readonly<Record<string, Obstacle>> = {
  LEVEL_LOCKED: {
    wrong: 'is in use by another process (LEVEL_LOCKED)',
    fix: 'stop the other server that uses it, or name another folder',
  },
  LEVEL_CORRUPTION: {
    wrong: 'has a damaged database (LEVEL_CORRUPTION)',
    fix: 'put your last backup there, or move the folder away to begin with an empty one',
  },
  EACCES: {
    wrong: 'may not be read and written by this process (EACCES)',
    fix: 'make the user of the server its owner, or name another folder',
  },
  ENOTDIR: { wrong: 'is not a folder (ENOTDIR)', fix: 'name a folder' },
  EEXIST: { wrong: 'is not a folder (EEXIST)', fix: 'name a folder' },
  EROFS: { wrong: 'is on a file system that is read-only (EROFS)', fix: 'name a folder that can be written' },
  ENOSPC: { wrong: 'is on a full disk (ENOSPC)', fix: 'make room there, or name a folder on another disk' },
};

/** Errors of the system that LevelDB only tells in words. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/no space left|quota exceeded/i, 'ENOSPC'],
  [/permission denied/i, 'EACCES'],
  [/read-only file system/i, 'EROFS'],
  [/not a directory/i, 'ENOTDIR'],
];

export function openError(path: string, error: unknown): StorageOpenError {
  const { code = '', message } = cause(error);
  const word = WORDS.find(([pattern]) => pattern.test(message))?.[1] ?? code;
  const obstacle = OBSTACLES[word] ?? {
    wrong: `cannot be opened: ${message}`,
    fix: 'see to the disk, or name another folder',
  };
  return new StorageOpenError(path, obstacle, error);
}

/** What is behind "the database is not open". */
function cause(error: unknown): NodeJS.ErrnoException {
  const all = error instanceof Error ? error : new Error(String(error));
  return all.cause instanceof Error ? cause(all.cause) : all;
}

export function strangers(path: string, names: readonly string[]): StorageOpenError {
  return new StorageOpenError(path, {
    wrong: `has files but no database: ${names.slice(0, 3).join(', ')}${names.length > 3 ? ', ...' : ''}`,
    fix: 'name an empty folder, or one that does not exist yet; if there was a database, put your last backup there',
  });
}

export function foreignFormat(path: string, format: string): StorageOpenError {
  return new StorageOpenError(path, {
    wrong: `has a database of format ${JSON.stringify(format)}, which this version does not know`,
    fix: 'run the version that wrote it, or name another folder',
  });
}
