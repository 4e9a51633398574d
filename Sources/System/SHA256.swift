// Also Embedded Swift: typed throws, no key paths, no casts.
// SHA-256, for checking downloads and describing written files: the padding. The rounds are in
// CPlatform's sha256.c. Foundation on Linux has no SHA-256. Reference: FIPS 180-4, section 5.

/// The SHA-256 of bytes that arrive in pieces.
///
/// Pieces of any size give the same digest as all bytes at once.
package struct SHA256: Sendable {
    private static let blockBytes = 64

    /// The hash value, a … h of the standard.
    private var state = SHA256.initialState
    /// Bytes of an incomplete block.
    private var pending: [UInt8] = []
    private var countBytes: UInt64 = 0

    package init() {
        pending.reserveCapacity(SHA256.blockBytes)
    }

    package init(of bytes: [UInt8]) {
        self.init()
        update(bytes)
    }

    /// The digest of a text's UTF-8 bytes.
    package init(of text: String) { self.init(of: Array(text.utf8)) }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        countBytes &+= UInt64(bytes.count)
        var rest = bytes[...]
        if !pending.isEmpty {
            let missing = rest.prefix(SHA256.blockBytes - pending.count)
            pending.append(contentsOf: missing)
            rest = rest.dropFirst(missing.count)
            guard pending.count == SHA256.blockBytes else { return }
            let block = pending
            block.withUnsafeBytes { compress($0) }
            pending.removeAll(keepingCapacity: true)
        }
        let whole = rest.prefix(rest.count / SHA256.blockBytes * SHA256.blockBytes)
        compress(UnsafeRawBufferPointer(rebasing: whole))
        rest = rest.dropFirst(whole.count)
        pending.append(contentsOf: rest)
    }

    package mutating func update(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { update($0) }
    }

    /// The digest of all bytes so far, 64 hexadecimal digits in lower case.
    package var hexadecimal: String {
        let digits = Array("0123456789abcdef")
        return String(digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }

    /// The digest of all bytes so far, 32 bytes. More may follow.
    package var digest: [UInt8] {
        var last = self
        // A one bit, zeros up to the last 8 bytes of a block, the message's length in bits.
        let used = (pending.count + 1 + 8) % SHA256.blockBytes
        let zeros = used == 0 ? 0 : SHA256.blockBytes - used
        let bits = countBytes &* 8
        last.update(
            [0x80] + [UInt8](repeating: 0, count: zeros)
                + (0..<8).map { UInt8(truncatingIfNeeded: bits >> (56 - 8 * UInt64($0))) })
        return last.state.indices.flatMap { index in
            (0..<4).map { UInt8(truncatingIfNeeded: last.state[index] >> (24 - 8 * UInt32($0))) }
        }
    }

    /// Runs the 64 rounds on each of several whole blocks.
    private mutating func compress(_ blocks: UnsafeRawBufferPointer) {
        guard let base = blocks.bindMemory(to: UInt8.self).baseAddress else { return }
        state.withUnsafeMutableBufferPointer { state in
            guard let words = state.baseAddress else { return }
            sha256_blocks(words, base, blocks.count / SHA256.blockBytes)
        }
    }

    /// The first 32 bits of the fractional parts of the square roots of the first 8 primes.
    private static let initialState: [UInt32] = [
        0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a,
        0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
    ]
}
