// SHA-256, for checking downloads and describing written files. Foundation has none on Linux. Reference: FIPS 180-4, sections 4.1.2, 5 and 6.2.

import LibC

/// The SHA-256 of bytes that arrive in pieces.
///
/// Pieces of any size give the same digest as all bytes at once.
package struct SHA256: Sendable {
    private static let blockBytes = 64

    /// a … h of the standard.
    private var state = SHA256.initialState
    /// Bytes of an incomplete block.
    private var pending: [UInt8] = []
    private var countBytes: UInt64 = 0

    package init() {
        pending.reserveCapacity(SHA256.blockBytes)
    }

    /// Takes the next bytes.
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
        while rest.count >= SHA256.blockBytes {
            compress(UnsafeRawBufferPointer(rebasing: rest.prefix(SHA256.blockBytes)))
            rest = rest.dropFirst(SHA256.blockBytes)
        }
        pending.append(contentsOf: rest)
    }

    /// Takes the next bytes.
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

    /// The digest of an open file, from its current offset to its end.
    ///
    /// - Throws: ``SystemError``; `CancellationError` once `isCancelled` is true.
    package static func hexadecimal(
        of descriptor: Int32, isCancelled: () -> Bool = { false }
    ) throws -> String {
        var hash = SHA256()
        try forEachPiece(of: descriptor) { piece in
            if isCancelled() { throw CancellationError() }
            hash.update(piece)
        }
        return hash.hexadecimal
    }

    /// The digest of the file at a path.
    ///
    /// - Throws: ``SystemError``; `CancellationError` once `isCancelled` is true.
    package static func hexadecimal(
        ofFile path: String, isCancelled: () -> Bool = { false }
    ) throws -> String {
        try withFile(path) { try hexadecimal(of: $0, isCancelled: isCancelled) }
    }

    /// One block through the 64 rounds.
    private mutating func compress(_ block: UnsafeRawBufferPointer) {
        let start = state
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 64) { w in
            // The message schedule: the block's words, and 48 made from them.
            for t in 0..<16 {
                w[t] = UInt32(
                    bigEndian: block.loadUnaligned(fromByteOffset: 4 * t, as: UInt32.self))
            }
            for t in 16..<64 {
                let small0 = rotated(w[t - 15], 7) ^ rotated(w[t - 15], 18) ^ (w[t - 15] >> 3)
                let small1 = rotated(w[t - 2], 17) ^ rotated(w[t - 2], 19) ^ (w[t - 2] >> 10)
                w[t] = w[t - 16] &+ small0 &+ w[t - 7] &+ small1
            }
            SHA256.roundConstants.withUnsafeBufferPointer { constants in
                state = start &+ SHA256.rounds(start, UnsafeBufferPointer(w), constants)
            }
        }
    }

    private static func rounds(
        _ start: SIMD8<UInt32>, _ schedule: UnsafeBufferPointer<UInt32>,
        _ constants: UnsafeBufferPointer<UInt32>
    ) -> SIMD8<UInt32> {
        var (a, b, c, d) = (start[0], start[1], start[2], start[3])
        var (e, f, g, h) = (start[4], start[5], start[6], start[7])
        for t in 0..<64 {
            let big1 = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)
            let choice = (e & f) ^ (~e & g)
            let first = h &+ big1 &+ choice &+ constants[t] &+ schedule[t]
            let big0 = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)
            let majority = (a & b) ^ (a & c) ^ (b & c)
            (h, g, f, e) = (g, f, e, d &+ first)
            (d, c, b, a) = (c, b, a, first &+ big0 &+ majority)
        }
        return [a, b, c, d, e, f, g, h]
    }

    /// The first 32 bits of the fractional parts of the square roots of the first 8 primes.
    private static let initialState: SIMD8<UInt32> = [
        0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a,
        0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
    ]

    /// The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
    private static let roundConstants: [UInt32] = [
        0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1,
        0x923f_82a4, 0xab1c_5ed5, 0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3,
        0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174, 0xe49b_69c1, 0xefbe_4786,
        0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
        0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147,
        0x06ca_6351, 0x1429_2967, 0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13,
        0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85, 0xa2bf_e8a1, 0xa81a_664b,
        0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
        0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a,
        0x5b9c_ca4f, 0x682e_6ff3, 0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208,
        0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
    ]
}

@inline(__always)
private func rotated(_ word: UInt32, _ bits: UInt32) -> UInt32 {
    word >> bits | word << (32 - bits)
}
