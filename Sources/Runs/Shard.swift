// Shard I/N: the part of a manifest that one of N runs separates.

import System

/// A part of a manifest, by a hash of the ids: a track stays in its shard when lines are added, removed
/// or moved.
package struct Shard: Sendable, CustomStringConvertible {
    static let supportedCounts = 1...1_000_000

    /// Index from 0 to `count` − 1, as in tasks of a Slurm array.
    let index: Int
    let count: Int

    /// - Parameter text: `I/N`.
    /// - Returns: nil for any other text.
    package init?(_ text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        // Digits only, without signs.
        guard parts.count == 2,
            parts.allSatisfy({ $0.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains) }),
            let index = Int(String(Substring(parts[0]))),
            let count = Int(String(Substring(parts[1]))),
            Shard.supportedCounts.contains(count), index < count
        else { return nil }
        self.index = index
        self.count = count
    }

    package var description: String { "\(index)/\(count)" }

    /// - Parameter hash: hash of the track's id.
    func contains(_ hash: UInt64) -> Bool { Int(hash % UInt64(count)) == index }

    /// The first 8 bytes of the SHA-256 of an id's UTF-8, as a big-endian number.
    static func hash(_ id: String) -> UInt64 {
        SHA256(of: id).digest.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
