// The boxes of an MP4 file (ISO/IEC 14496-12, 4.2).

/// A box of an MP4 file: its four characters in Latin-1, the offset of its header, and its content.
package typealias MP4Box = (type: String, start: Int, content: Range<Int>)

/// The first thousand of the boxes that follow each other from the start of a range, up to one that doesn't end in it.
///
/// - Parameter read: bytes at an offset, fewer at the end of the file.
package func mp4Boxes(
    in range: Range<Int>, read: (_ offset: Int, _ count: Int) throws -> [UInt8]
) rethrows -> [MP4Box] {
    var (boxes, offset) = ([MP4Box](), range.lowerBound)
    while offset < range.upperBound, boxes.count < 1_000 {
        let head = try read(offset, 16)
        let (short, long) = (head.prefix(4), head.dropFirst(8))
        // A size of 1 follows the type, with 64 bits; 0 is up to the end.
        let headBytes = short.number(isBigEndian: true) == 1 ? 16 : 8
        var size = Int(clamping: (headBytes == 8 ? short : long).number(isBigEndian: true))
        if size == 0 { size = range.upperBound - offset }
        guard head.count >= headBytes, size >= headBytes, size <= range.upperBound - offset else {
            break
        }
        let type = String(decoding: head[4..<8].map(UInt16.init), as: UTF16.self)
        boxes.append((type, offset, offset + headBytes..<offset + size))
        offset += size
    }
    return boxes
}
