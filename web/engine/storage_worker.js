// Writes to the origin's private file system, for storage.js. A file is open only for one write, so
// that whatever ends the tab, everything written before is on the disk and no lock stays behind.

async function withFile(path, use) {
  const names = path.split("/");
  let folder = await navigator.storage.getDirectory();
  for (const name of names.slice(0, -1)) folder = await folder.getDirectoryHandle(name, { create: true });
  const file = await (await folder.getFileHandle(names.at(-1), { create: true })).createSyncAccessHandle();
  try {
    return use(file);
  } finally {
    file.close();
  }
}

const tasks = {
  /** Fails unless files can be written in place. */
  async probe() {
    await navigator.storage.getDirectory();
    if (!("createSyncAccessHandle" in FileSystemFileHandle.prototype)) throw new DOMException("", "NotSupportedError");
  },

  append: ({ path, bytes }) =>
    withFile(path, (file) => {
      const size = file.getSize();
      try {
        // By the standard, a full disk may end a write early.
        if (file.write(bytes, { at: size }) < bytes.byteLength) throw new DOMException("", "QuotaExceededError");
        file.flush();
      } catch (error) {
        file.truncate(size);
        throw error;
      }
      return size + bytes.byteLength;
    }),

  truncate: ({ path, size }) =>
    withFile(path, (file) => {
      if (file.getSize() > size) file.truncate(size);
      file.flush();
    }),
};

/** One task at a time: a file can be open only once. */
let last = Promise.resolve();

onmessage = ({ data: { id, task, ...values } }) => {
  last = last.then(async () => {
    try {
      postMessage({ id, result: await tasks[task](values) });
    } catch ({ name, message }) {
      postMessage({ id, error: { name, message } });
    }
  });
};
