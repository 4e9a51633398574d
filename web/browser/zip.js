// ZIP archives, as blobs that the browser keeps outside the page's memory. Files are compressed where the browser
// can. Format: APPNOTE.TXT 6.3.10 of PKWARE; sizes and offsets beyond 4 GiB as ZIP64 (4.5.3).

const readBytes = 1 << 22;
const mostBytes = 0xffffffff;
const versionNeeded = 45;
/** Methods of compression. */
const stored = 0;
const deflated = 8;
/** Flag of names in UTF-8. */
const utf8Flag = 0x0800;
/** 1 January 1980, the first date: the archive of a song is the same each time. */
const noDate = 0x0021;

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** CRC-32 of bytes after others with the CRC `before`. */
export function crc32(bytes, before = 0) {
  let crc = ~before;
  for (let at = 0; at < bytes.length; at += 1) crc = table[(crc ^ bytes[at]) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** Little-endian bytes: `[value, size]` in turn; 8 bytes for safe integers. */
function pack(...fields) {
  return Uint8Array.from(fields.flatMap(([value, size]) => Array.from({ length: size }, (_, place) => Math.floor(value / 256 ** place) % 256)));
}

/** The ZIP64 field with values that other fields have no room for. */
const wide = (values) => (values.length ? pack([1, 2], [8 * values.length, 2], ...values.map((value) => [value, 8])) : new Uint8Array(0));

/** The compressed file and its method; the file itself in a browser without this form of compression. */
async function packed(blob) {
  try {
    const stream = blob.stream().pipeThrough(new CompressionStream("deflate-raw"));
    return { method: deflated, content: await new Response(stream).blob() };
  } catch (error) {
    // Chrome 80 to 102 have other forms only, and refuse this one.
    if (!(error instanceof TypeError || error instanceof ReferenceError)) throw error;
    return { method: stored, content: blob };
  }
}

/** An archive of `[{ name, blob }]`. */
export async function zip(files) {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const { name, blob } of files) {
    let crc = 0;
    for (let at = 0; at < blob.size; at += readBytes) crc = crc32(new Uint8Array(await blob.slice(at, at + readBytes).arrayBuffer()), crc);
    const { method, content } = await packed(blob);
    const letters = new TextEncoder().encode(name);
    // Both sizes are wide if one of them is (4.5.3).
    const isWide = Math.max(content.size, blob.size) >= mostBytes;
    const sizes = isWide ? [blob.size, content.size] : [];
    const [ofFile, ofDirectory] = [wide(sizes), wide([...sizes, offset])];
    const narrow = (bytes) => [isWide ? mostBytes : bytes, 4];
    const common = [[versionNeeded, 2], [utf8Flag, 2], [method, 2], [0, 2], [noDate, 2], [crc, 4], narrow(content.size), narrow(blob.size), [letters.length, 2]];
    const head = pack([0x04034b50, 4], ...common, [ofFile.length, 2]);
    parts.push(head, letters, ofFile, content);
    directory.push(
      pack([0x02014b50, 4], [versionNeeded, 2], ...common, [ofDirectory.length, 2], [0, 2], [0, 2], [0, 2], [0, 4], [mostBytes, 4]),
      letters, ofDirectory);
    offset += head.length + letters.length + ofFile.length + content.size;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const count = files.length;
  parts.push(...directory,
    pack([0x06064b50, 4], [44, 8], [versionNeeded, 2], [versionNeeded, 2], [0, 4], [0, 4], [count, 8], [count, 8], [size, 8], [offset, 8]),
    pack([0x07064b50, 4], [0, 4], [offset + size, 8], [1, 4]),
    pack([0x06054b50, 4], [0, 2], [0, 2], [count, 2], [count, 2], [size, 4], [mostBytes, 4], [0, 2]));
  return new Blob(parts, { type: "application/zip" });
}
