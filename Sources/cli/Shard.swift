// `--shard I/N`: the part of a manifest that one of N runs separates.

import Files

/// A part of a manifest, by a hash of the ids: a track stays in its shard when lines are added, removed
/// or moved.
struct Shard: CustomStringConvertible {
    static let supportedCounts = 1...1_000_000

    /// From 0 to `count` − 1, as tasks of a Slurm array are numbered.
    let index: Int
    let count: Int

    /// - Parameter text: `I/N`.
    /// - Returns: nil for anything else.
    init?(_ text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        // Digits only: no signs.
        guard parts.count == 2,
            parts.allSatisfy({ $0.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains) }),
            let index = Int(String(Substring(parts[0]))),
            let count = Int(String(Substring(parts[1]))),
            Shard.supportedCounts.contains(count), index < count
        else { return nil }
        self.index = index
        self.count = count
    }

    var description: String { "\(index)/\(count)" }

    /// - Parameter hash: of the track's id.
    func contains(_ hash: UInt64) -> Bool { Int(hash % UInt64(count)) == index }

    /// The first 8 bytes of the SHA-256 of an id's UTF-8, the first one the most significant.
    static func hash(_ id: String) -> UInt64 {
        var checksum = SHA256()
        checksum.update(Array(id.utf8))
        return checksum.digest.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
