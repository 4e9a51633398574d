// Where Ogg files (RFC 3533) with Vorbis, Opus or FLAC can be cut: between two pages where a packet ends. A page
// says the position of the sample after its last packet, so the samples of a piece are counted from their end.

import { pieceSeconds, Uncuttable } from "./local_cut.js";

/** Sound before a piece, in which a decoder forgets that it knew nothing: Opus needs 0.08 s (RFC 7845) to come close, and more to be equal. */
const earlierSeconds = 2;
/** A page's header without its list of lengths. */
const headerBytes = 27;
/** Of pieces that can be cut late only, where packets go on over many pages; in pieces of usual length. */
const longestPiece = 5;

export async function* pieces(file, at, rate) {
  const begin = at;
  let page = await pageAt(file, at);
  const { serial } = page;
  // The codec's headers come before all pieces.
  while (page.position === 0) page = await pageAt(file, (at = page.end));
  const headers = file.file.slice(begin, at);
  // Where the piece may be cut: `{ at, position }` of all places since its beginning.
  let cuts = [{ at, position: 0 }];
  let piece = cuts[0];
  for (; at < file.size; at = page.end) {
    page = await pageAt(file, at);
    if (page.serial !== serial || page.isFirst) throw new Uncuttable();
    if (!page.isCut || page.end >= file.size || (await pageAt(file, page.end)).isContinued) continue;
    const cut = { at: page.end, position: page.position };
    cuts.push(cut);
    const sound = cut.position - piece.position;
    if (sound < pieceSeconds * rate) continue;
    if (sound > longestPiece * pieceSeconds * rate) throw new Uncuttable();
    yield { parts: [headers, file.file.slice(piece.from ?? piece.at, cut.at)], end: cut.position };
    const earlier = cuts.filter(({ position }) => position <= cut.position - earlierSeconds * rate).at(-1) ?? cuts[0];
    cuts = cuts.slice(cuts.indexOf(earlier));
    piece = { ...cut, from: earlier.at };
  }
  if (piece.from === undefined) return yield { parts: [file.file], start: 0 };
  // The last page may leave out the end of its last packet. So the last piece is decoded without it too, which says where it starts.
  const last = cuts.at(-1);
  const length = yield { parts: [headers, file.file.slice(piece.from, last.at)], end: last.position };
  yield { parts: [headers, file.file.slice(piece.from)], start: last.position - length };
}

async function pageAt(file, at) {
  const bytes = await file.read(at, headerBytes + 255);
  if (bytes.length < headerBytes || String.fromCharCode(...bytes.subarray(0, 4)) !== "OggS") throw new Uncuttable();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const lengths = bytes.subarray(headerBytes, headerBytes + bytes[26]);
  const isUnknown = view.getUint32(10, true) === 0xffffffff;
  return {
    isContinued: (bytes[5] & 1) === 1,
    isFirst: (bytes[5] & 2) === 2,
    position: isUnknown ? null : view.getUint32(10, true) * 2 ** 32 + view.getUint32(6, true),
    serial: view.getUint32(14, true),
    /** Whether its last packet ends with it. */
    isCut: !isUnknown && lengths.length > 0 && lengths.at(-1) < 255,
    end: at + headerBytes + lengths.length + lengths.reduce((sum, length) => sum + length, 0),
  };
}
